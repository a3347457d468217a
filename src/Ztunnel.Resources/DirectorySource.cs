using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ztunnel.Resources;

/// <summary>
/// Kubernetes objects from the <c>*.yaml</c>, <c>*.yml</c> and <c>*.json</c> files of one directory, watched. A change shows
/// within a second. Names that begin with a dot and subdirectories are not read. A file with a mistake keeps the last good
/// version of what it held; of an object in two files the first found stays.
/// </summary>
public sealed partial class DirectorySource : IResourceSource
{
    private static readonly HashSet<string> Nothing = [];

    private readonly string _path;
    private readonly DirectorySourceOptions _options;
    private readonly ILogger _logger;
    private readonly ManifestDirectory _directory;

    /// <summary>Names the directory; nothing is read before <see cref="Watch"/>.</summary>
    public DirectorySource(string path, DirectorySourceOptions? options = null, ILogger? logger = null)
    {
        _path = Path.GetFullPath(path);
        _options = options ?? new DirectorySourceOptions();
        _logger = logger ?? NullLogger.Instance;
        _directory = new ManifestDirectory(_path, ReadForMesh);
    }

    /// <summary>
    /// Reads a directory once, without watching it. Throws <see cref="DirectoryNotFoundException"/>, <see cref="IOException"/>
    /// or <see cref="UnauthorizedAccessException"/> when it cannot be read; mistakes in files are in the result. Unlike what is
    /// watched, pods come with what their containers run.
    /// </summary>
    public static DirectoryContents Read(string path)
    {
        IReadOnlyList<ResourceEvent> events = new ManifestDirectory(Path.GetFullPath(path), ManifestReader.Read).Scan(Nothing);
        return new DirectoryContents
        {
            Objects = [.. events.OfType<ResourceEvent.Put>().Select(put => put.Object)],
            Files = [.. events.OfType<ResourceEvent.Report>().Select(report => report.Source)],
        };
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Throws <see cref="DirectoryNotFoundException"/>, <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>
    /// when the directory cannot be read at the start. If that happens later, what was read stays.
    /// </remarks>
    public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // Watching begins before reading, so that nothing falls between the two.
        using var notifications = new DirectoryNotifications(_path, _options);
        if (notifications.Fault is { } fault)
            LogNotNotified(_path, fault, _options.Rescan);
        foreach (ResourceEvent @event in _directory.Scan(Nothing))
            yield return @event;
        yield return new ResourceEvent.Synced();

        bool lost = false;
        while (true)
        {
            IReadOnlySet<string> touched = await notifications.Next(cancellationToken);
            (IReadOnlyList<ResourceEvent> events, string? error) = TryScan(touched);
            foreach (ResourceEvent @event in events)
                yield return @event;
            if (error is not null || lost)
                yield return new ResourceEvent.Report(DirectoryReport(error));
            lost = error is not null;
        }
    }

    /// <summary>
    /// Without what containers run and their environment: the mesh has no use for it, it may hold secrets, and what is read
    /// is kept for as long as the agent lives.
    /// </summary>
    private static ManifestFile ReadForMesh(string source, ReadOnlySpan<byte> content)
    {
        ManifestFile file = ManifestReader.Read(source, content);
        return file with
        {
            Objects = file.Objects.ToDictionary(
                entry => entry.Key, entry => (entry.Value.Object is PodObject pod ? pod.WithoutPrograms() : entry.Value.Object, entry.Value.Line)),
        };
    }

    private (IReadOnlyList<ResourceEvent> Events, string? Error) TryScan(IReadOnlySet<string> touched)
    {
        try
        {
            return (_directory.Scan(touched), null);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            return ([], error.Message);
        }
    }

    private SourceReport DirectoryReport(string? error) => new()
    {
        Name = _path,
        Exists = error is not null,
        Problems = error is null ? [] : [ManifestProblems.Unreadable(_path, $"the directory cannot be read, what was read before stays: {error}")],
    };

    [LoggerMessage(Level = LogLevel.Warning, Message = "Changes in {Path} are not notified ({Fault}); looking for them every {Rescan}")]
    private partial void LogNotNotified(string path, string fault, TimeSpan rescan);
}
