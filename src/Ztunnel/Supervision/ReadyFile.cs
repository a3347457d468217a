namespace Ztunnel;

/// <summary>
/// A file that is there while this very process serves. Where one agent follows another on a node, both share the port of the
/// readiness probe, and whoever answers there may be the other one: a DaemonSet that asks there would take the old agent away
/// before the new one has taken over.
/// </summary>
internal sealed class ReadyFile : IDisposable
{
    private readonly string? _path;

    private ReadyFile(string? path) => _path = path;

    /// <summary>Takes away what a process before may have left. Throws <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/>.</summary>
    public static ReadyFile Open(string? path)
    {
        if (path is not null)
            File.Delete(path);
        return new ReadyFile(path);
    }

    /// <summary>Makes the file. Throws as <see cref="Open"/>.</summary>
    public void Ready()
    {
        if (_path is not null)
            File.WriteAllBytes(_path, []);
    }

    /// <summary>Takes the file away; where that cannot be, it stays.</summary>
    public void Dispose()
    {
        try
        {
            if (_path is not null)
                File.Delete(_path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process ends: there is nobody left to tell, and the next one takes it away.
        }
    }
}
