namespace Ztunnel.Resources;

/// <summary>What tells that a file has been written or, where it is a symbolic link, leads elsewhere.</summary>
internal sealed record FileStamp(DateTime Written, long Length, string? Target)
{
    /// <summary>The stamp of the file now, or null when it cannot be looked at.</summary>
    public static FileStamp? Of(string path)
    {
        try
        {
            var file = new FileInfo(path);
            var target = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
            FileInfo actual = target ?? file;
            // A mounted ConfigMap is changed by turning a link to the directory its files' links lead through.
            FileSystemInfo? through = target?.Directory?.ResolveLinkTarget(returnFinalTarget: true);
            return actual.Exists ? new FileStamp(actual.LastWriteTimeUtc, actual.Length, (through ?? target)?.FullName) : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
