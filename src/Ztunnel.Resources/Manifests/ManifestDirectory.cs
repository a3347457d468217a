using System.Collections.Immutable;
using Microsoft.Win32.SafeHandles;

namespace Ztunnel.Resources;

/// <summary>
/// A directory of manifests as last read. Each <see cref="Scan"/> reads the files that have changed and gives what that
/// changes: an object that merely moves from one file to another, or a file renamed, gives no removal.
/// </summary>
internal sealed class ManifestDirectory(string path, ManifestParser parse)
{
    private readonly SortedDictionary<string, Held> _files = new(StringComparer.Ordinal);
    // For each object the files that have it: first the one whose version is used, then the others by name.
    private readonly Dictionary<ObjectKey, List<string>> _having = [];
    private readonly Dictionary<ObjectKey, (KubernetesObject Object, Origin Origin)> _told = [];
    private readonly Dictionary<string, SourceReport> _reports = new(StringComparer.Ordinal);

    /// <summary>
    /// Reads what has changed since the last call, by time stamp and length, and the files named in <paramref name="touched"/>
    /// in any case. Throws <see cref="DirectoryNotFoundException"/>, <see cref="IOException"/> or
    /// <see cref="UnauthorizedAccessException"/> when the directory itself cannot be read; nothing has changed then.
    /// </summary>
    public IReadOnlyList<ResourceEvent> Scan(IReadOnlySet<string> touched)
    {
        var found = ManifestNames().ToDictionary(name => name, name => FileStamp.Of(Path.Combine(path, name)), StringComparer.Ordinal);
        var affected = new HashSet<ObjectKey>();
        var changed = new SortedSet<string>(StringComparer.Ordinal);
        foreach (string gone in _files.Keys.Where(name => !found.ContainsKey(name)).ToArray())
        {
            affected.UnionWith(Index(gone, _files[gone].File, null));
            _files.Remove(gone);
            changed.Add(gone);
        }

        foreach ((string name, FileStamp? stamp) in found.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            Held? before = _files.GetValueOrDefault(name);
            if (before is not null && stamp is not null && before.Stamp == stamp && !touched.Contains(name))
                continue;
            Held now = Read(name, stamp, before?.File);
            affected.UnionWith(Index(name, before?.File, now.File));
            _files[name] = now;
            changed.Add(name);
        }

        return Tell(affected, changed);
    }

    private IEnumerable<string> ManifestNames() =>
        Directory.EnumerateFiles(path)
            .Select(file => Path.GetFileName(file))
            .Where(name => name[0] != '.' && Path.GetExtension(name).ToUpperInvariant() is ".YAML" or ".YML" or ".JSON");

    private Held Read(string name, FileStamp? stamp, ManifestFile? before)
    {
        ManifestFile read;
        try
        {
            read = ReadBytes(Path.Combine(path, name), stamp) is { } content
                ? parse(name, content)
                : ManifestFile.Unreadable(ManifestProblems.Unreadable(name, $"is larger than the {YamlLimits.MaxFileBytes / (1024 * 1024)} MiB that are read"));
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // A fault of ours at one file must not keep all others from being followed.
            read = ManifestFile.Unreadable(ManifestProblems.Unreadable(name, $"cannot be read: {error.Message}"));
            // What let it fail, such as a permission, does not show in the stamp: look again each time.
            stamp = null;
        }

        return new Held(stamp, read.Keeping(before));
    }

    /// <summary>A file's content, or null when it is beyond all measure.</summary>
    private static byte[]? ReadBytes(string file, FileStamp? stamp)
    {
        // Pipes and devices have no length either, and opening those may never return.
        if (stamp is { Length: 0 })
            return [];
        using SafeFileHandle handle = File.OpenHandle(file);
        long length = RandomAccess.GetLength(handle);
        if (length > YamlLimits.MaxFileBytes)
            return null;
        // It may be growing: what has come since is noticed by its stamp and read next time.
        byte[] content = new byte[length];
        int read = 0;
        while (read < content.Length && RandomAccess.Read(handle, content.AsSpan(read), read) is > 0 and var count)
            read += count;
        return content[..read];
    }

    /// <summary>
    /// Notes which objects a file has now. Whoever had an object first keeps it; after that, and at the start, the first by
    /// file name has it. Gives the objects concerned.
    /// </summary>
    private HashSet<ObjectKey> Index(string name, ManifestFile? before, ManifestFile? now)
    {
        var concerned = new HashSet<ObjectKey>(now?.Objects.Keys ?? []);
        foreach (ObjectKey added in concerned.Where(key => before?.Objects.ContainsKey(key) != true))
        {
            if (!_having.TryGetValue(added, out List<string>? having))
                _having.Add(added, having = []);
            having.Add(name);
            having.Sort(1, having.Count - 1, StringComparer.Ordinal);
        }

        foreach (ObjectKey dropped in (before?.Objects.Keys ?? []).Where(key => !concerned.Contains(key)))
        {
            List<string> having = _having[dropped];
            having.Remove(name);
            if (having.Count == 0)
                _having.Remove(dropped);
        }

        concerned.UnionWith(before?.Objects.Keys ?? []);
        return concerned;
    }

    private List<ResourceEvent> Tell(IEnumerable<ObjectKey> affected, SortedSet<string> changed)
    {
        var events = new List<ResourceEvent>();
        foreach (ObjectKey key in affected.Order(ObjectKey.Order))
        {
            if (!_having.TryGetValue(key, out List<string>? having))
            {
                if (_told.Remove(key))
                    events.Add(new ResourceEvent.Remove(key));
                continue;
            }

            string holder = having[0];
            changed.UnionWith(having);
            (KubernetesObject @object, int line) = _files[holder].File.Objects[key];
            var now = (Object: @object, Origin: new Origin(holder, line));
            if (_told.TryGetValue(key, out (KubernetesObject Object, Origin Origin) before) && before == now)
                continue;
            _told[key] = now;
            events.Add(new ResourceEvent.Put(now.Object, now.Origin));
        }

        events.AddRange(changed.Select(ReportOf).OfType<ResourceEvent>());
        return events;
    }

    private ResourceEvent.Report? ReportOf(string name)
    {
        var report = new SourceReport { Name = name, Exists = false };
        if (_files.TryGetValue(name, out Held? held))
        {
            ObjectKey[] elsewhere = [.. held.File.Objects.Keys.Where(key => !string.Equals(_having[key][0], name, StringComparison.Ordinal))];
            report = new SourceReport
            {
                Name = name,
                Kept = [.. held.File.Kept.Order(ObjectKey.Order)],
                ObjectCount = held.File.Objects.Count - elsewhere.Length,
                Problems = [.. held.File.Problems, .. elsewhere.Order(ObjectKey.Order).Select(key => DuplicateOf(name, key))],
                UnknownKinds = held.File.UnknownKinds.ToImmutableSortedDictionary(StringComparer.Ordinal),
            };
        }

        if (report == _reports.GetValueOrDefault(name))
            return null;
        if (report.Exists)
            _reports[name] = report;
        else if (!_reports.Remove(name))
            return null;
        return new ResourceEvent.Report(report);
    }

    private ResourceProblem DuplicateOf(string name, ObjectKey key)
    {
        string holder = _having[key][0];
        return ManifestProblems.Duplicate(
            new Origin(name, _files[name].File.Objects[key].Line), key, new Origin(holder, _files[holder].File.Objects[key].Line));
    }

    private sealed record Held(FileStamp? Stamp, ManifestFile File);
}
