using System.Text;

namespace Ztunnel.Resources;

/// <summary>
/// Reads the body of a Secret: a certificate, its key and roots, by the names of <c>kubernetes.io/tls</c> or by Istio's older ones.
/// Its <see cref="ObjectReading"/> is discreet.
/// </summary>
internal static class SecretReader
{
    private static readonly IReadOnlySet<string> OfSecrets = Field.Names("immutable", "type");

    public static SecretObject Read(ObjectMetadata metadata, Field root)
    {
        root.Also(OfSecrets);
        // What else a Secret holds is its owner's to name.
        root["data"].Unknown(UnknownFields.Ignored);
        root["stringData"].Unknown(UnknownFields.Ignored);
        return new SecretObject
        {
            Metadata = metadata,
            CertificatePem = Find(root, "tls.crt", "cert"),
            PrivateKeyPem = Find(root, "tls.key", "key"),
            RootsPem = Find(root, "ca.crt", "cacert"),
        };
    }

    private static SecretBytes? Find(Field root, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            // As the API server does it, what is given as text wins.
            if (root["stringData"][name].Text() is { } text)
                return new SecretBytes(Encoding.UTF8.GetBytes(text));
            if (root["data"][name].Text() is { } encoded)
                return Decode(root["data"][name], encoded);
        }

        return null;
    }

    private static SecretBytes? Decode(Field field, string encoded)
    {
        byte[] buffer = new byte[encoded.Length];
        if (Convert.TryFromBase64String(encoded, buffer, out int length))
            return new SecretBytes(buffer[..length]);
        field.Problem("is not base64");
        return null;
    }
}
