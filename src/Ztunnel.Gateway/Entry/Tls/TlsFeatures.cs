using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace Ztunnel.Gateway;

/// <summary>Shows the HTTP server that a connection is encrypted and what was agreed on: it then sees https, and takes HTTP/2.</summary>
internal sealed class TlsFeatures : ITlsConnectionFeature, ITlsApplicationProtocolFeature, ITlsHandshakeFeature
{
    private static readonly TlsFeatures Http1 = new("http/1.1"u8.ToArray());
    private static readonly TlsFeatures Http2 = new("h2"u8.ToArray());

    private TlsFeatures(byte[] protocol) => ApplicationProtocol = protocol;

    /// <inheritdoc/>
    public ReadOnlyMemory<byte> ApplicationProtocol { get; }

    /// <summary>The least that is taken; the server asks for no more.</summary>
    public SslProtocols Protocol => SslProtocols.Tls12;

    /// <summary>None: no certificate is asked for.</summary>
    public X509Certificate2? ClientCertificate
    {
        get => null;
        set => throw new NotSupportedException();
    }

#pragma warning disable SYSLIB0058, CS0618 // Members of the interface that nobody asks for.
    CipherAlgorithmType ITlsHandshakeFeature.CipherAlgorithm => CipherAlgorithmType.None;

    int ITlsHandshakeFeature.CipherStrength => 0;

    HashAlgorithmType ITlsHandshakeFeature.HashAlgorithm => HashAlgorithmType.None;

    int ITlsHandshakeFeature.HashStrength => 0;

    ExchangeAlgorithmType ITlsHandshakeFeature.KeyExchangeAlgorithm => ExchangeAlgorithmType.None;

    int ITlsHandshakeFeature.KeyExchangeStrength => 0;
#pragma warning restore SYSLIB0058, CS0618

    /// <summary>Adds what there is to say to a connection's features.</summary>
    public static void AddTo(IFeatureCollection features, bool http2)
    {
        TlsFeatures all = http2 ? Http2 : Http1;
        features.Set<ITlsConnectionFeature>(all);
        features.Set<ITlsApplicationProtocolFeature>(all);
        features.Set<ITlsHandshakeFeature>(all);
    }

    /// <inheritdoc/>
    public Task<X509Certificate2?> GetClientCertificateAsync(CancellationToken cancellationToken) => Task.FromResult<X509Certificate2?>(null);
}
