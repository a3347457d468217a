using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ztunnel.Identity;

/// <summary>
/// The roots of the mesh, live. Readers take <see cref="Current"/>, one immutable set; a change swaps the set and then
/// raises <see cref="Changed"/>. All members are safe from any thread.
/// </summary>
public sealed partial class TrustBundle : IDisposable
{
    /// <summary>How often a watched file is looked at. A change is taken at the second look that sees it.</summary>
    public static readonly TimeSpan DefaultWatchInterval = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger;
    private FileWatch? _watch;
    private volatile TrustRoots _current;
    private volatile string? _fault;

    /// <summary>A bundle that changes only by <see cref="Replace"/>.</summary>
    public TrustBundle(TrustRoots roots)
        : this(roots, logger: null)
    {
    }

    private TrustBundle(TrustRoots roots, ILogger? logger)
    {
        ArgumentNullException.ThrowIfNull(roots);
        _current = roots;
        _logger = logger ?? NullLogger.Instance;
    }

    /// <summary>Raised after <see cref="Current"/> changed, on whichever thread changed it.</summary>
    public event EventHandler? Changed;

    /// <summary>The roots now.</summary>
    public TrustRoots Current => _current;

    /// <summary>Why the watched file as it now is was not taken, naming the file; null while it is what is in use.</summary>
    public string? Fault => _fault;

    /// <summary>
    /// Loads the roots of a PEM file (Istio's <c>root-cert.pem</c>) and follows its changes. A file that becomes unusable
    /// leaves the last good roots in use and shows in <see cref="Fault"/>. Throws <see cref="CertificateFileException"/>
    /// when there is no good first version to begin with.
    /// </summary>
    public static TrustBundle Watch(string file, TimeProvider? time = null, ILogger? logger = null, TimeSpan? interval = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        time ??= TimeProvider.System;
        TrustBundle? bundle = null;
        var watch = new FileWatch([file], interval ?? DefaultWatchInterval, time, () => bundle!.Reload(file, time));
        try
        {
            bundle = new TrustBundle(TrustRoots.Load(file, time.GetUtcNow()), logger) { _watch = watch };
        }
        catch
        {
            watch.Dispose();
            throw;
        }

        watch.Start();
        return bundle;
    }

    /// <summary>Puts other roots in use, as an authority does that was told of a rotation.</summary>
    public void Replace(TrustRoots roots)
    {
        ArgumentNullException.ThrowIfNull(roots);
        _current = roots;
        Changed?.Invoke(this, EventArgs.Empty);
    }

    /// <summary>Stops watching; the roots stay as they are.</summary>
    public void Dispose() => _watch?.Dispose();

    private bool Reload(string file, TimeProvider time)
    {
        try
        {
            var roots = TrustRoots.Load(file, time.GetUtcNow());
            Replace(roots);
            _fault = null;
            LogReloaded(file, roots.Certificates.Length);
            return true;
        }
        catch (Exception e)
        {
            // Whatever it is, there is nobody above a timer to tell, and the last good roots are still good.
            if (!string.Equals(_fault, e.Message, StringComparison.Ordinal))
                LogKept(e.Message);
            _fault = e.Message;
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "trust bundle reloaded from {File}: {Count} roots")]
    private partial void LogReloaded(string file, int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "trust bundle not reloaded, the last good roots stay in use: {Fault}")]
    private partial void LogKept(string fault);
}
