using System.Net.Security;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Identity;

/// <summary>
/// Whether a server is the authority: its certificate has the name that was connected to and leads to a root of the mesh as they are
/// at the moment of the handshake, or of the system where those of the mesh are not known beforehand.
/// </summary>
internal sealed class ServerTrust(string name, TrustBundle? roots, TimeProvider time)
{
    private volatile string? _refusal;

    /// <summary>Why a server was refused last: the framework's own exception has nothing to say about it.</summary>
    public string? Refusal => _refusal;

    /// <summary>Judges a server in its handshake; <paramref name="errors"/> tells whether it has the name that was connected to.</summary>
    public bool Verify(X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        (_refusal = Fault(certificate as X509Certificate2, chain, errors)) is null;

    private string? Fault(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null || chain is null)
            return "the server has no certificate";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return $"the server's certificate is not for {name}";
        if (roots is null)
        {
            return errors == SslPolicyErrors.None
                ? null
                : $"the server's certificate does not lead to a root of the system ({string.Join(", ", chain.ChainStatus.Select(s => s.Status))})";
        }

        IEnumerable<ParsedCertificate> between = chain.ChainPolicy.ExtraStore.Select(sent => ParsedCertificate.Read(sent.RawData));
        return TrustPath.Find(certificate, between, roots.Current, time.GetUtcNow(), out string fault, SigningIdentity.ServerPurpose).IsEmpty
            ? $"the server's certificate does not lead to a root of the mesh ({fault})"
            : null;
    }
}
