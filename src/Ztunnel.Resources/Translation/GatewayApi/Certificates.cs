using System.Security.Cryptography;
using System.Text;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The certificates that Secrets hold, each read when first asked for.</summary>
internal sealed class Certificates
{
    private readonly Dictionary<(string Namespace, string Name), SecretObject> _secrets = [];
    private readonly Dictionary<(string Namespace, string Name), (ListenerCertificate? Certificate, string? Fault)> _read = [];

    public void Put(SecretObject secret)
    {
        _secrets[(secret.Metadata.Namespace, secret.Metadata.Name)] = secret;
        _read.Remove((secret.Metadata.Namespace, secret.Metadata.Name));
    }

    public void Remove(ObjectKey secret)
    {
        _secrets.Remove((secret.Namespace, secret.Name));
        _read.Remove((secret.Namespace, secret.Name));
    }

    /// <summary>The certificate of a Secret, or why there is none.</summary>
    public (ListenerCertificate? Certificate, string? Fault) Find(string @namespace, string name)
    {
        if (!_secrets.TryGetValue((@namespace, name), out SecretObject? secret))
            return (null, $"Secret {@namespace}/{name} does not exist");
        if (!_read.TryGetValue((@namespace, name), out (ListenerCertificate? Certificate, string? Fault) read))
            _read[(@namespace, name)] = read = Read(secret);
        return read;
    }

    /// <summary>The certificate that a Secret holds, or why there is none.</summary>
    public static (ListenerCertificate? Certificate, string? Fault) Read(SecretObject secret)
    {
        string name = $"{secret.Metadata.Namespace}/{secret.Metadata.Name}";
        if (secret is not { CertificatePem: { } certificate, PrivateKeyPem: { } key })
            return (null, $"Secret {name} has no tls.crt and tls.key");
        char[] text = new char[Encoding.UTF8.GetMaxCharCount(key.Reveal().Length)];
        try
        {
            int length = Encoding.UTF8.GetChars(key.Reveal(), text);
            return (ListenerCertificate.FromPem(name, Encoding.UTF8.GetString(certificate.Reveal()), text.AsSpan(0, length)), null);
        }
        catch (CryptographicException fault)
        {
            return (null, $"Secret {name} {fault.Message}");
        }
        finally
        {
            Array.Clear(text);
        }
    }
}
