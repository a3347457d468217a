using System.Security.Cryptography;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// One local identity's side of TLS 1.3: certificate, trust roots and rule, for connections in both roles. Long-lived and
/// safe from any thread. <see cref="Update(TlsCertificate, IReadOnlyList{ReadOnlyMemory{byte}})"/> takes effect on handshakes that begin after it; open connections keep what
/// they have, and OpenSSL's memory for it is freed when the last of them is gone.
/// </summary>
public sealed class TlsContext : IDisposable
{
    private readonly Lock _updating = new();
    private volatile SslContextHandle? _current;
    private bool _disposed;

    /// <summary>A context that has no certificate yet.</summary>
    /// <exception cref="ArgumentException">A protocol name is empty or too long, or clients are to be both judged and resumed.</exception>
    public TlsContext(TlsContextOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (options is { Resumes: true, AsksClientCertificate: true })
            throw new ArgumentException("A client that is asked for a certificate is not to resume a session without one.", nameof(options));
        Options = options;
        AlpnWire = AlpnNames.Encode(options.Alpn);
    }

    /// <summary>What the context was made with.</summary>
    public TlsContextOptions Options { get; }

    /// <summary>True once <see cref="Update(TlsCertificate, IReadOnlyList{ReadOnlyMemory{byte}})"/> has succeeded.</summary>
    public bool HasCertificate => _current is not null;

    /// <summary>The offered protocols as they stand in the ALPN extension.</summary>
    internal byte[] AlpnWire { get; }

    /// <summary>Puts a certificate and the trust roots (DER) in place of those before. Both or neither take effect.</summary>
    /// <exception cref="CryptographicException">OpenSSL refuses the certificate, a root or an option; the message says which.</exception>
    public void Update(TlsCertificate certificate, IReadOnlyList<ReadOnlyMemory<byte>> trustRootsDer) => Update([certificate], trustRootsDer);

    /// <summary>The same with several certificates, at most one for each kind of key; each client gets the first it can verify.</summary>
    /// <exception cref="CryptographicException">OpenSSL refuses a certificate, a root or an option; the message says which.</exception>
    public void Update(IReadOnlyList<TlsCertificate> certificates, IReadOnlyList<ReadOnlyMemory<byte>> trustRootsDer)
    {
        ArgumentNullException.ThrowIfNull(certificates);
        ArgumentOutOfRangeException.ThrowIfZero(certificates.Count, nameof(certificates));
        ArgumentNullException.ThrowIfNull(trustRootsDer);
        SslContextHandle next = SslContextBuilder.Build(Options, AlpnWire, certificates, trustRootsDer);
        lock (_updating)
        {
            if (_disposed)
            {
                next.Dispose();
                throw new ObjectDisposedException(nameof(TlsContext));
            }

            SslContextHandle? previous = _current;
            _current = next;
            previous?.Dispose();
        }
    }

    /// <summary>Lets go of the certificate; no handshake can begin any more, open connections go on.</summary>
    public void Dispose()
    {
        lock (_updating)
        {
            _disposed = true;
            _current?.Dispose();
            _current = null;
        }
    }

    /// <summary>Makes a handshake that has begun with another context show this one's present certificate; false when there is none.</summary>
    internal bool TryTakeOver(nint ssl)
    {
        while (_current is { } current)
        {
            bool added = false;
            try
            {
                current.DangerousAddRef(ref added);
                return Libssl.SetContext(ssl, current) != 0;
            }
            catch (ObjectDisposedException)
            {
                // Replaced between being read and being referenced: take its successor.
            }
            finally
            {
                if (added)
                    current.DangerousRelease();
            }
        }

        return false;
    }

    /// <summary>Begins a handshake with the present certificate.</summary>
    /// <exception cref="ChannelException">There is none (<see cref="FailureKind.Local"/>).</exception>
    internal TlsSession Begin(bool isServer, object? expectation)
    {
        while (true)
        {
            SslContextHandle current = _current
                ?? throw new ChannelException(new ChannelFailure(FailureKind.Local, "this identity has no certificate"));
            bool added = false;
            try
            {
                current.DangerousAddRef(ref added);
                return new TlsSession(current, this, isServer, expectation);
            }
            catch (ObjectDisposedException)
            {
                // Replaced between being read and being referenced: take its successor.
            }
            finally
            {
                if (added)
                    current.DangerousRelease();
            }
        }
    }
}
