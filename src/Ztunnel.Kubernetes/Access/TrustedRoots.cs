using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Kubernetes;

/// <summary>The authorities that may vouch for the API server; those of the machine where none are named. Safe from any thread.</summary>
internal sealed class TrustedRoots(Setting? roots)
{
    private readonly Lock _lock = new();
    private string? _pem;
    private X509Certificate2Collection? _read;

    /// <summary>Reads them. Throws <see cref="ApiAccessException"/>.</summary>
    public X509Certificate2Collection Read()
    {
        // Read for each connection, of which there are few, so that a new root counts at once.
        string pem = roots!.Read();
        lock (_lock)
        {
            if (_read is not null && string.Equals(_pem, pem, StringComparison.Ordinal))
                return _read;
            var read = new X509Certificate2Collection();
            try
            {
                read.ImportFromPem(pem);
            }
            catch (CryptographicException)
            {
                throw new ApiAccessException($"{roots}: not certificates in PEM");
            }

            if (read.Count == 0)
                throw new ApiAccessException($"{roots}: no certificate");
            (_pem, _read) = (pem, read);
            return read;
        }
    }

    /// <summary>Whether a server's certificate is good; for <see cref="SslClientAuthenticationOptions"/>.</summary>
    public bool Accepts(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        const SslPolicyErrors NotOfTheChain = ~SslPolicyErrors.RemoteCertificateChainErrors;
        if (roots is null || certificate is not X509Certificate2 leaf || (errors & NotOfTheChain) != SslPolicyErrors.None)
            return errors == SslPolicyErrors.None;
        using var ours = new X509Chain();
        ours.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        ours.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        ours.ChainPolicy.CustomTrustStore.AddRange(Read());
        ours.ChainPolicy.ApplicationPolicy.Add(new Oid("1.3.6.1.5.5.7.3.1"));
        if (chain is not null)
            ours.ChainPolicy.ExtraStore.AddRange(chain.ChainElements.Select(element => element.Certificate).ToArray());
        return ours.Build(leaf);
    }
}
