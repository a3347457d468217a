using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// The authority's own certificate for its port, signed by itself: a new one at half its life, and whenever another key signs.
/// Handshakes under way keep the one they began with.
/// </summary>
internal sealed class ServerCertificate : IDisposable
{
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private readonly SigningState _signing;
    private readonly IReadOnlyList<string> _names;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private SslStreamCertificateContext? _current;
    private DateTimeOffset _renewal;
    private bool _stale = true;

    public ServerCertificate(SigningState signing, IReadOnlyList<string> names, TimeProvider time)
    {
        _signing = signing;
        _names = names;
        _time = time;
        signing.Changed += OnChanged;
    }

    /// <summary>What to present now. Throws <see cref="IssuanceException"/> while there is nothing to sign with.</summary>
    public SslStreamCertificateContext Current()
    {
        lock (_gate)
        {
            DateTimeOffset now = _time.GetUtcNow();
            if (_current is null || _stale || now >= _renewal)
            {
                _current = Make(now);
                _stale = false;
            }

            return _current;
        }
    }

    public void Dispose() => _signing.Changed -= OnChanged;

    private SslStreamCertificateContext Make(DateTimeOffset now)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        (byte[] leaf, var intermediates) = _signing.IssueServer(_names, key, Lifetime, now);
        using X509Certificate2 bare = X509CertificateLoader.LoadCertificate(leaf);
        _renewal = now + ((bare.NotAfter.ToUniversalTime() - now.UtcDateTime) / 2);
        X509Certificate2[] above = [.. intermediates.Select(der => X509CertificateLoader.LoadCertificate(der.Span))];
        // Offline: what to send is known, and nothing of it is fetched.
        return SslStreamCertificateContext.Create(bare.CopyWithPrivateKey(key), [.. above], offline: true);
    }

    private void OnChanged(object? sender, EventArgs e)
    {
        lock (_gate)
            _stale = true;
    }
}
