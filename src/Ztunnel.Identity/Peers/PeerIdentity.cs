using System.Security.Cryptography;
using Ztunnel.Mesh;

namespace Ztunnel.Identity;

/// <summary>Whom a certificate names, whether or not it is to be believed: an identity, or why it names none.</summary>
internal sealed class PeerIdentity
{
    private const int LongestQuote = 200;

    private PeerIdentity(SpiffeId? identity, PeerRefusal refusal, string presented) =>
        (Identity, Refusal, Presented) = (identity, refusal, presented);

    /// <summary>The identity; null where <see cref="Refusal"/> says why there is none.</summary>
    public SpiffeId? Identity { get; }

    /// <summary>Meaningful where there is no identity.</summary>
    public PeerRefusal Refusal { get; }

    /// <summary>What the certificate says, for a person; safe to log.</summary>
    public string Presented { get; }

    public static PeerIdentity Read(ReadOnlyMemory<byte> der)
    {
        if (der.IsEmpty)
            return new PeerIdentity(null, PeerRefusal.NoCertificate, "no certificate");
        ParsedCertificate certificate;
        try
        {
            certificate = ParsedCertificate.Read(der);
        }
        catch (CryptographicException e)
        {
            return new PeerIdentity(null, PeerRefusal.MalformedCertificate, e.Message);
        }

        return certificate.IsAuthority || certificate.MaySign
            ? new PeerIdentity(null, PeerRefusal.SigningCertificate, "a certificate that may sign others")
            : OfUris(certificate);
    }

    private static PeerIdentity OfUris(ParsedCertificate certificate)
    {
        if (certificate.Uris.IsEmpty)
            return new PeerIdentity(null, PeerRefusal.NoSpiffeId, "a certificate without a URI name");
        if (certificate.Uris is not [string uri])
        {
            string some = string.Join(" and ", certificate.Uris.Take(2).Select(Quote));
            return new PeerIdentity(null, PeerRefusal.ManySpiffeIds, $"{certificate.Uris.Length} URI names, {some} among them");
        }

        return SpiffeId.TryParse(uri, out SpiffeId? identity, out string? reason)
            ? new PeerIdentity(identity, default, identity.ToString())
            : new PeerIdentity(null, PeerRefusal.MalformedSpiffeId, $"{Quote(uri)}: {reason}");
    }

    // A stranger chose these characters, and they are going into a log.
    private static string Quote(string uri)
    {
        string head = uri.Length > LongestQuote ? string.Concat(uri.AsSpan(0, LongestQuote), "...") : uri;
        return string.Create(head.Length, head, static (to, from) =>
        {
            for (int i = 0; i < to.Length; i++)
                to[i] = from[i] is >= ' ' and < '\x7f' ? from[i] : '?';
        });
    }
}
