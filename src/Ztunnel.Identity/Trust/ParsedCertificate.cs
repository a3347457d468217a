using System.Collections.Immutable;
using System.Formats.Asn1;
using System.Security.Cryptography;

namespace Ztunnel.Identity;

/// <summary>
/// What the mesh reads of an X.509 certificate (RFC 5280 section 4): validity, public key, URI names and whether it may
/// sign. Read from the DER bytes without a native handle, a chain or the network; it says nothing about trust.
/// </summary>
internal sealed class ParsedCertificate
{
    public const string SubjectAlternativeNameOid = "2.5.29.17";

    private const string SubjectKeyOid = "2.5.29.14";
    private const string AuthorityKeyOid = "2.5.29.35";
    private const string KeyUsageOid = "2.5.29.15";
    private const string BasicConstraintsOid = "2.5.29.19";

    private ParsedCertificate(ReadOnlyMemory<byte> der) => Der = der;

    public ReadOnlyMemory<byte> Der { get; }

    /// <summary>Lower case hexadecimal, as Istio's tools print it.</summary>
    public required string SerialNumber { get; init; }

    public required DateTimeOffset NotBefore { get; init; }

    public required DateTimeOffset NotAfter { get; init; }

    /// <summary>The DER of the name it was signed under.</summary>
    public required ReadOnlyMemory<byte> Issuer { get; init; }

    /// <summary>The DER of its own name.</summary>
    public required ReadOnlyMemory<byte> Subject { get; init; }

    /// <summary>Which of its issuer's keys signed it; empty where it does not say.</summary>
    public ReadOnlyMemory<byte> AuthorityKey { get; private set; }

    /// <summary>What certificates signed by its key call that key; empty where it does not say.</summary>
    public ReadOnlyMemory<byte> SubjectKey { get; private set; }

    /// <summary>The DER of SubjectPublicKeyInfo.</summary>
    public required ReadOnlyMemory<byte> PublicKey { get; init; }

    /// <summary>The URI entries of the subject alternative name, unparsed.</summary>
    public ImmutableArray<string> Uris { get; private set; } = [];

    /// <summary>Basic constraints say CA.</summary>
    public bool IsAuthority { get; private set; }

    /// <summary>Key usage allows signing certificates or CRLs.</summary>
    public bool MaySign { get; private set; }

    /// <summary>Reads a certificate; throws <see cref="CryptographicException"/> where it is not well formed.</summary>
    public static ParsedCertificate Read(ReadOnlyMemory<byte> der)
    {
        try
        {
            var outer = new AsnReader(der, AsnEncodingRules.DER);
            AsnReader certificate = outer.ReadSequence();
            outer.ThrowIfNotEmpty();
            return ReadBody(der, certificate.ReadSequence());
        }
        catch (AsnContentException e)
        {
            throw new CryptographicException("the certificate is not well-formed DER", e);
        }
    }

    /// <summary>
    /// Whether this certificate says it was signed by <paramref name="other"/>: by key identifier where both have one, else
    /// by name. Saying is not proving; whether it is true is for OpenSSL to judge.
    /// </summary>
    public bool NamesAsIssuer(ParsedCertificate other) => AuthorityKey.IsEmpty || other.SubjectKey.IsEmpty
        ? Issuer.Span.SequenceEqual(other.Subject.Span)
        : AuthorityKey.Span.SequenceEqual(other.SubjectKey.Span);

    private static ParsedCertificate ReadBody(ReadOnlyMemory<byte> der, AsnReader body)
    {
        var versionTag = new Asn1Tag(TagClass.ContextSpecific, 0, isConstructed: true);
        if (body.PeekTag() == versionTag)
            body.ReadEncodedValue();
        string serial = Convert.ToHexStringLower(body.ReadIntegerBytes().Span).TrimStart('0');
        body.ReadEncodedValue(); // signature algorithm
        ReadOnlyMemory<byte> issuer = body.ReadEncodedValue();
        AsnReader validity = body.ReadSequence();
        DateTimeOffset notBefore = ReadTime(validity);
        DateTimeOffset notAfter = ReadTime(validity);
        ReadOnlyMemory<byte> subject = body.ReadEncodedValue();
        var parsed = new ParsedCertificate(der)
        {
            SerialNumber = serial,
            NotBefore = notBefore,
            NotAfter = notAfter,
            Issuer = issuer,
            Subject = subject,
            PublicKey = body.ReadEncodedValue(),
        };
        var extensionsTag = new Asn1Tag(TagClass.ContextSpecific, 3, isConstructed: true);
        while (body.HasData)
        {
            if (body.PeekTag() == extensionsTag)
                parsed.ReadExtensions(body.ReadSequence(extensionsTag).ReadSequence());
            else
                body.ReadEncodedValue(); // the unique identifiers nobody uses
        }

        return parsed;
    }

    private void ReadExtensions(AsnReader extensions)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        while (extensions.HasData)
        {
            AsnReader extension = extensions.ReadSequence();
            string oid = extension.ReadObjectIdentifier();
            // RFC 5280 section 4.2 forbids it, and which one counts would depend on who reads.
            if (!seen.Add(oid))
                throw new CryptographicException($"the certificate has extension {oid} twice");
            if (extension.PeekTag() == Asn1Tag.Boolean)
                extension.ReadBoolean();
            ReadExtension(oid, extension.ReadOctetString());
        }
    }

    private void ReadExtension(string oid, ReadOnlyMemory<byte> value)
    {
        switch (oid)
        {
            case SubjectAlternativeNameOid:
                Uris = ReadUris(value, out _);
                break;
            case SubjectKeyOid:
                SubjectKey = new AsnReader(value, AsnEncodingRules.DER).ReadOctetString();
                break;
            case AuthorityKeyOid:
                var keyTag = new Asn1Tag(TagClass.ContextSpecific, 0);
                AsnReader authority = new AsnReader(value, AsnEncodingRules.DER).ReadSequence();
                if (authority.HasData && authority.PeekTag() == keyTag)
                    AuthorityKey = authority.ReadOctetString(keyTag);
                break;
            case BasicConstraintsOid:
                AsnReader constraints = new AsnReader(value, AsnEncodingRules.DER).ReadSequence();
                IsAuthority = constraints.HasData && constraints.PeekTag() == Asn1Tag.Boolean && constraints.ReadBoolean();
                break;
            case KeyUsageOid:
                const byte keyCertSignOrCrlSign = 0x04 | 0x02;
                byte[] bits = new AsnReader(value, AsnEncodingRules.DER).ReadBitString(out _);
                MaySign = bits.Length > 0 && (bits[0] & keyCertSignOrCrlSign) != 0;
                break;
            default:
                break;
        }
    }

    /// <summary>The URIs of a subject alternative name's value, and how many names of any kind it has.</summary>
    /// <exception cref="AsnContentException">The value is not well formed.</exception>
    public static ImmutableArray<string> ReadUris(ReadOnlyMemory<byte> subjectAlternativeName, out int names)
    {
        var uriTag = new Asn1Tag(TagClass.ContextSpecific, 6);
        var reader = new AsnReader(subjectAlternativeName, AsnEncodingRules.DER);
        AsnReader general = reader.ReadSequence();
        reader.ThrowIfNotEmpty();
        ImmutableArray<string>.Builder uris = ImmutableArray.CreateBuilder<string>(1);
        for (names = 0; general.HasData; names++)
        {
            if (general.PeekTag() == uriTag)
                uris.Add(general.ReadCharacterString(UniversalTagNumber.IA5String, uriTag));
            else
                general.ReadEncodedValue();
        }

        return uris.ToImmutable();
    }

    private static DateTimeOffset ReadTime(AsnReader validity) =>
        validity.PeekTag().HasSameClassAndValue(Asn1Tag.UtcTime) ? validity.ReadUtcTime() : validity.ReadGeneralizedTime();
}
