using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Ztunnel.Mesh;

/// <summary>
/// The certificate chain and key of a listener. Compared by content. The key comes out of it by <see cref="OpenKey"/> only: no
/// way of printing or serialising this shows it.
/// </summary>
public sealed class ListenerCertificate : IEquatable<ListenerCertificate>
{
    private const string RsaOid = "1.2.840.113549.1.1.1";

    private readonly byte[] _key;

    private ListenerCertificate(string secret, ValueArray<ReadOnlyMemory<byte>> chain, byte[] key, X509Certificate2 own)
    {
        Secret = secret;
        Chain = chain;
        _key = key;
        Names = NamesOf(own);
        KeyAlgorithm = own.PublicKey.Oid.Value!;
        Expires = new DateTimeOffset(own.NotAfter.ToUniversalTime(), TimeSpan.Zero);
    }

    /// <summary>Where it is from, <c>namespace/name</c> of a Secret.</summary>
    public string Secret { get; }

    /// <summary>The certificates, DER-encoded, the listener's own first.</summary>
    public ValueArray<ReadOnlyMemory<byte>> Chain { get; }

    /// <summary>
    /// The hosts it is for, in lower case, some with <c>*</c> for their first label: its subject alternative names, or without any
    /// its common name.
    /// </summary>
    public ValueArray<string> Names { get; }

    /// <summary>The kind of its key, as an object identifier.</summary>
    public string KeyAlgorithm { get; }

    /// <summary>When it ends to be valid.</summary>
    public DateTimeOffset Expires { get; }

    /// <summary>
    /// Reads a chain and its key from PEM. Throws <see cref="CryptographicException"/>, whose message holds nothing of either,
    /// when they cannot be read or do not belong together.
    /// </summary>
    public static ListenerCertificate FromPem(string secret, ReadOnlySpan<char> chain, ReadOnlySpan<char> key)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            Import(certificates, chain);
            using X509Certificate2 own = Join(chain, key);
            using AsymmetricAlgorithm privateKey = KeyOf(own);
            return new ListenerCertificate(
                secret,
                [.. certificates.Select(certificate => (ReadOnlyMemory<byte>)certificate.RawData)],
                privateKey.ExportPkcs8PrivateKey(),
                own);
        }
        finally
        {
            foreach (X509Certificate2 certificate in certificates)
                certificate.Dispose();
        }
    }

    /// <summary>The key, for the caller to dispose of.</summary>
    public AsymmetricAlgorithm OpenKey()
    {
        AsymmetricAlgorithm key = string.Equals(KeyAlgorithm, RsaOid, StringComparison.Ordinal) ? RSA.Create() : ECDsa.Create();
        key.ImportPkcs8PrivateKey(_key, out _);
        return key;
    }

    /// <inheritdoc/>
    public bool Equals(ListenerCertificate? other) =>
        ReferenceEquals(this, other)
        || (other is not null
            && string.Equals(Secret, other.Secret, StringComparison.Ordinal)
            && Chain.Count == other.Chain.Count
            && Chain.Zip(other.Chain).All(pair => pair.First.Span.SequenceEqual(pair.Second.Span))
            && CryptographicOperations.FixedTimeEquals(_key, other._key));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ListenerCertificate);

    /// <inheritdoc/>
    public override int GetHashCode() => Secret.GetHashCode(StringComparison.Ordinal);

    /// <summary>Names the Secret.</summary>
    public override string ToString() => $"Secret {Secret}";

    private static void Import(X509Certificate2Collection certificates, ReadOnlySpan<char> chain)
    {
        try
        {
            certificates.ImportFromPem(chain);
        }
        catch (CryptographicException error)
        {
            throw new CryptographicException("holds no PEM certificate that can be read", error);
        }

        if (certificates.Count == 0)
            throw new CryptographicException("holds no PEM certificate that can be read");
    }

    private static X509Certificate2 Join(ReadOnlySpan<char> chain, ReadOnlySpan<char> key)
    {
        try
        {
            return X509Certificate2.CreateFromPem(chain, key);
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException)
        {
            throw new CryptographicException("holds no PEM private key that can be read and is the certificate's", error);
        }
    }

    private static ValueArray<string> NamesOf(X509Certificate2 certificate)
    {
        try
        {
            string[] names =
            [
                .. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
                    .SelectMany(extension => extension.EnumerateDnsNames())
                    .Select(name => name.ToLowerInvariant())
                    .Distinct(StringComparer.Ordinal),
            ];
            return names.Length == 0 && certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false) is { Length: > 0 } common
                ? [common.ToLowerInvariant()]
                : [.. names];
        }
        catch (CryptographicException error)
        {
            throw new CryptographicException("holds a certificate whose names cannot be read", error);
        }
    }

    private static AsymmetricAlgorithm KeyOf(X509Certificate2 certificate) =>
        (AsymmetricAlgorithm?)certificate.GetRSAPrivateKey()
        ?? certificate.GetECDsaPrivateKey()
        ?? throw new CryptographicException("holds a key that is neither RSA nor ECDSA");
}
