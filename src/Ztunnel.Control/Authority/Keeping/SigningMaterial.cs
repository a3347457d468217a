using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// A signing certificate, its key and what is between it and its root, as PEM, checked to belong together. Its text is of no secret.
/// </summary>
internal sealed class SigningMaterial
{
    private readonly Dictionary<string, byte[]> _files;

    private SigningMaterial(Dictionary<string, byte[]> files, SigningIdentity checkedFiles)
    {
        _files = files;
        Root = checkedFiles.Root;
        NotBefore = checkedFiles.NotBefore;
        NotAfter = checkedFiles.NotAfter;
    }

    /// <summary>The root it leads to.</summary>
    public ParsedCertificate Root { get; }

    /// <summary>From when on what it signs is valid.</summary>
    public DateTimeOffset NotBefore { get; }

    /// <summary>Until when.</summary>
    public DateTimeOffset NotAfter { get; }

    /// <summary>The files <c>ca-cert.pem</c>, <c>ca-key.pem</c> and <c>cert-chain.pem</c>.</summary>
    public IReadOnlyDictionary<string, byte[]> Files => _files;

    /// <summary>Checks files against the roots that come with them. Throws <see cref="CertificateFileException"/> naming place and file.</summary>
    public static SigningMaterial Read(string place, IReadOnlyDictionary<string, byte[]> files, DateTimeOffset now)
    {
        using SigningIdentity signer = SigningFiles.Of(place, files).Load(now);
        var own = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        foreach (string name in new[] { SigningFiles.CertificateName, SigningFiles.KeyName, SigningFiles.ChainName })
            own[name] = files.GetValueOrDefault(name) ?? [];
        return new SigningMaterial(own, signer);
    }

    /// <summary>Opens it for signing.</summary>
    public SigningIdentity Open(DateTimeOffset now)
    {
        byte[] root = System.Text.Encoding.ASCII.GetBytes(TrustedRoot.Pem(Root));
        return SigningFiles.Of("the authority", new Dictionary<string, byte[]>(_files, StringComparer.Ordinal) { [SigningFiles.RootName] = root }).Load(now);
    }

    /// <summary>Whether both sign with the same key and certificates.</summary>
    public bool IsSame(SigningMaterial other) => _files.All(file => file.Value.AsSpan().SequenceEqual(other._files[file.Key]));

    public override string ToString() => $"signing certificate under root {Root.SerialNumber} until {NotAfter:u}";
}
