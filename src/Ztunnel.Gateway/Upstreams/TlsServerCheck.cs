using System.Formats.Asn1;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Whether what a backend shows is what its rule asks for.</summary>
internal sealed class TlsServerCheck(TlsOrigination tls)
{
    private const string AlternativeNames = "2.5.29.17";
    private static readonly Asn1Tag UriTag = new(TagClass.ContextSpecific, 6);

    /// <summary>Why it was refused; null before, and where it was not.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Decides, during the handshake.</summary>
    public bool Accept(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        Refusal = tls.InsecureSkipVerify ? null : Refuse(certificate as X509Certificate2, chain, errors);
        return Refusal is null;
    }

    private string? Refuse(X509Certificate2? certificate, X509Chain? chain, SslPolicyErrors errors)
    {
        if (certificate is null)
            return "the backend showed no certificate";
        if (errors.HasFlag(SslPolicyErrors.RemoteCertificateChainErrors))
        {
            IEnumerable<string> reasons = chain?.ChainStatus.Select(status => status.StatusInformation.Trim()).Distinct(StringComparer.Ordinal) ?? [];
            return $"the backend's certificate is not trusted: {string.Join("; ", reasons)}";
        }

        if (tls.SubjectAltNames.Count == 0)
            return errors == SslPolicyErrors.None ? null : "the backend's certificate is for another name than the server name";
        return tls.SubjectAltNames.Any(name => Bears(certificate, name))
            ? null
            : $"the backend's certificate has none of the names {string.Join(", ", tls.SubjectAltNames)}";
    }

    /// <summary>Whether a certificate is for a host, an address or a URI such as a SPIFFE identity.</summary>
    private static bool Bears(X509Certificate2 certificate, string name)
    {
        try
        {
            return name.Contains("://", StringComparison.Ordinal)
                ? UrisOf(certificate).Contains(name, StringComparer.Ordinal)
                : certificate.MatchesHostname(name, allowWildcards: true, allowCommonName: false);
        }
        catch (Exception e) when (e is ArgumentException or AsnContentException or CryptographicException)
        {
            // What is no name is borne by nobody, and a certificate that cannot be read bears none.
            return false;
        }
    }

    private static List<string> UrisOf(X509Certificate2 certificate)
    {
        List<string> uris = [];
        if (certificate.Extensions[AlternativeNames] is not { } extension)
            return uris;
        AsnReader names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
        while (names.HasData)
        {
            if (names.PeekTag().HasSameClassAndValue(UriTag))
                uris.Add(names.ReadCharacterString(UniversalTagNumber.IA5String, UriTag));
            else
                names.ReadEncodedValue();
        }

        return uris;
    }
}
