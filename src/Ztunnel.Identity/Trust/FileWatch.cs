using System.Security.Cryptography;

namespace Ztunnel.Identity;

/// <summary>
/// Calls back when the content of some small files has changed and has then stayed the same for one more look, and again at
/// each look while what is there cannot be taken: what it waits for may be a file that is not watched, or a time. Looking at
/// content instead of times and inodes makes a write in place, a rename over the file and the symlink swap of a Kubernetes
/// volume all the same case, and the second look keeps half a write in place from being taken for a whole file.
/// </summary>
internal sealed class FileWatch : IDisposable
{
    private readonly IReadOnlyList<string> _files;
    private readonly TimeSpan _interval;
    private readonly Func<bool> _take;
    private readonly ITimer _timer;
    private byte[] _seen;
    private bool _due;
    private volatile bool _disposed;

    /// <summary>Takes the present content as known; load the files after this and before <see cref="Start"/>.</summary>
    /// <param name="files">The files.</param>
    /// <param name="interval">From look to look.</param>
    /// <param name="time">The clock.</param>
    /// <param name="take">Takes what the files hold into use and says whether it could. It must not throw.</param>
    public FileWatch(IReadOnlyList<string> files, TimeSpan interval, TimeProvider time, Func<bool> take)
    {
        _files = files;
        _interval = interval;
        _take = take;
        _seen = Fingerprint();
        _timer = time.CreateTimer(
            static state => ((FileWatch)state!).Look(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Start() => _timer.Change(_interval, Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _disposed = true;
        _timer.Dispose();
    }

    private void Look()
    {
        byte[] now = Fingerprint();
        if (!now.AsSpan().SequenceEqual(_seen))
        {
            _seen = now;
            _due = true;
        }
        else if (_due)
        {
            _due = !_take();
        }

        if (!_disposed)
            _timer.Change(_interval, Timeout.InfiniteTimeSpan);
    }

    private byte[] Fingerprint()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string file in _files)
        {
            // Each file's own digest, so that a byte moving from one file to the next is a change.
            hash.AppendData(Digest(file));
        }

        return hash.GetHashAndReset();
    }

    private static byte[] Digest(string file)
    {
        try
        {
            return SHA256.HashData(File.ReadAllBytes(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
