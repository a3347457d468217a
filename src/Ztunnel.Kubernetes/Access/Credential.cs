using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Kubernetes;

/// <summary>What proves who we are in one request.</summary>
internal sealed class Credential(string? token, ClientCertificate? certificate)
{
    public string? Token { get; } = token;

    public ClientCertificate? Certificate { get; } = certificate;

    /// <summary>Whether a text can be sent as a token (RFC 6750 section 2.1): one that cannot would be quoted by whoever refuses to send it.</summary>
    public static bool IsToken(string text) => text.Length > 0 && text.All(static character => character is > ' ' and <= '~');
}

/// <summary>A client certificate with its key and intermediates.</summary>
internal sealed class ClientCertificate
{
    private ClientCertificate(X509Certificate2Collection chain) => Chain = chain;

    /// <summary>The certificate with its key, then the intermediates.</summary>
    public X509Certificate2Collection Chain { get; }

    /// <summary>Makes one of PEM. Throws <see cref="ApiAccessException"/> with nothing of the key in it.</summary>
    public static ClientCertificate FromPem(string certificates, string key, string where)
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPem(certificates);
            if (chain.Count == 0)
                throw new ApiAccessException($"{where}: no certificate");
            chain[0].Dispose();
            chain[0] = X509Certificate2.CreateFromPem(certificates, key);
            return new ClientCertificate(chain);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new ApiAccessException($"{where}: not a certificate and its key in PEM");
        }
    }

    public bool IsSame(ClientCertificate? other) =>
        other is not null && string.Equals(Chain[0].Thumbprint, other.Chain[0].Thumbprint, StringComparison.Ordinal);
}

/// <summary>Gives what proves who we are. Safe from any thread.</summary>
internal interface ICredentialSource
{
    /// <summary>
    /// The credential as it is now; where there is another than <paramref name="refused"/>, which the server did not take,
    /// that one. Throws <see cref="ApiAccessException"/>.
    /// </summary>
    ValueTask<Credential> Get(Credential? refused, TimeProvider time, CancellationToken cancellationToken);
}

/// <summary>Nothing that would prove anything, as for a proxy that does so itself.</summary>
internal sealed class NoCredential : ICredentialSource
{
    private static readonly Credential None = new(null, null);

    public ValueTask<Credential> Get(Credential? refused, TimeProvider time, CancellationToken cancellationToken) => new(None);
}
