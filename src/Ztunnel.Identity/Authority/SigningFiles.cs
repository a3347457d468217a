using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Ztunnel.Identity;

/// <summary>
/// Four files in the layout of Istio's <c>cacerts</c> secret (plug in CA certificates), in a directory or in memory:
/// <c>ca-cert.pem</c> signs with <c>ca-key.pem</c>, and leads over <c>cert-chain.pem</c> to a root in <c>root-cert.pem</c>.
/// </summary>
internal sealed class SigningFiles
{
    public const string CertificateName = "ca-cert.pem";
    public const string KeyName = "ca-key.pem";
    public const string ChainName = "cert-chain.pem";
    public const string RootName = "root-cert.pem";

    private readonly Func<string, byte[]> _read;

    private SigningFiles(Func<string, string> nameOf, Func<string, byte[]> read)
    {
        (Certificate, Key, Chain, Root) = (nameOf(CertificateName), nameOf(KeyName), nameOf(ChainName), nameOf(RootName));
        _read = read;
    }

    /// <summary>What the file is called in errors; in a directory its path. So with the others.</summary>
    public string Certificate { get; }

    public string Key { get; }

    public string Chain { get; }

    public string Root { get; }

    /// <summary>The files of a directory, read anew by each <see cref="Load"/>.</summary>
    public static SigningFiles InDirectory(string directory) => new(name => Path.Combine(directory, name), CertificateFile.ReadBytes);

    /// <summary>Files that were read from elsewhere.</summary>
    /// <param name="place">What they are parts of, for errors: <c>Secret istio-system/cacerts</c>.</param>
    /// <param name="content">Their bytes by their names in this layout; left as they are.</param>
    public static SigningFiles Of(string place, IReadOnlyDictionary<string, byte[]> content)
    {
        string Label(string name) => $"{place}: {name}";
        var byLabel = content.ToDictionary(file => Label(file.Key), file => file.Value, StringComparer.Ordinal);
        return new SigningFiles(Label, label => byLabel.TryGetValue(label, out byte[]? bytes)
            ? bytes.ToArray()
            // Istio's layout lets the chain be left out where there is nothing in it.
            : label == Label(ChainName) ? [] : throw new CertificateFileException(label, CertificateFileProblem.Missing, "it is missing"));
    }

    /// <summary>
    /// Loads and checks all four files; throws <see cref="CertificateFileException"/> naming the one that is wrong.
    /// </summary>
    public SigningIdentity Load(DateTimeOffset now)
    {
        ImmutableArray<ParsedCertificate> own = Certificates(Certificate);
        CertificateFile.ThrowUnlessAuthority(Certificate, own[0], now);
        // Where the signing certificate is itself the root there is nothing between, and Istio leaves the file empty.
        ImmutableArray<ParsedCertificate> between = Certificates(Chain, mayBeEmpty: true);
        TrustRoots roots = LoadRoots(now);
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(own[0].Der.Span);
        AsymmetricAlgorithm key = LoadKey(certificate);
        try
        {
            return new SigningIdentity(certificate, key, PathToRoot(certificate, [.. own[1..], .. between], roots, now));
        }
        catch
        {
            key.Dispose();
            throw;
        }
    }

    /// <summary>The roots alone.</summary>
    public TrustRoots LoadRoots(DateTimeOffset now) => TrustRoots.Of(Root, Certificates(Root), now);

    private AsymmetricAlgorithm LoadKey(X509Certificate2 certificate)
    {
        byte[] bytes = _read(Key);
        try
        {
            return new SigningKeyFile(Key, Certificate).Load(bytes, certificate);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private ImmutableArray<ParsedCertificate> Certificates(string file, bool mayBeEmpty = false) =>
        CertificateFile.ParseCertificates(file, Encoding.UTF8.GetString(_read(file)), mayBeEmpty);

    private ImmutableArray<ParsedCertificate> PathToRoot(
        X509Certificate2 certificate,
        ImmutableArray<ParsedCertificate> between,
        TrustRoots roots,
        DateTimeOffset now)
    {
        ImmutableArray<ParsedCertificate> path = TrustPath.Find(certificate, between, roots, now, out string fault);
        return path.IsEmpty ? throw Broken(fault, between, now) : path;
    }

    private CertificateFileException Broken(string fault, ImmutableArray<ParsedCertificate> between, DateTimeOffset now)
    {
        // An expired certificate on the way is the common case and deserves its own words.
        if (between.FirstOrDefault(above => now >= above.NotAfter) is { } expired)
        {
            return new CertificateFileException(
                Chain, CertificateFileProblem.Expired, $"certificate {expired.SerialNumber} expired {expired.NotAfter:u}");
        }

        return new CertificateFileException(
            Certificate,
            CertificateFileProblem.ChainBroken,
            $"the certificate does not lead over {Chain} to a root in {Root} ({fault})");
    }
}
