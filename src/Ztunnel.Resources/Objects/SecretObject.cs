using System.Security.Cryptography;

namespace Ztunnel.Resources;

/// <summary>A <c>Secret</c>; of what is in it only a certificate, its key and roots are kept.</summary>
public sealed record SecretObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.Secret;

    /// <summary>The certificate chain (<c>tls.crt</c>), PEM; null where there is none.</summary>
    public SecretBytes? CertificatePem { get; init; }

    /// <summary>The private key (<c>tls.key</c>), PEM; null where there is none.</summary>
    public SecretBytes? PrivateKeyPem { get; init; }

    /// <summary>The roots that others' certificates are checked against (<c>ca.crt</c>), PEM; null where there are none.</summary>
    public SecretBytes? RootsPem { get; init; }
}

/// <summary>Bytes that nothing prints. Compared by content.</summary>
public sealed class SecretBytes(byte[] bytes) : IEquatable<SecretBytes>
{
    private readonly byte[] _bytes = bytes;

    /// <summary>The bytes.</summary>
    public ReadOnlySpan<byte> Reveal() => _bytes;

    /// <summary>Whether both hold the same.</summary>
    public bool Equals(SecretBytes? other) => other is not null && CryptographicOperations.FixedTimeEquals(_bytes, other._bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as SecretBytes);

    /// <inheritdoc/>
    public override int GetHashCode() => _bytes.Length;

    /// <summary>Says nothing but that there is something.</summary>
    public override string ToString() => "(not shown)";
}
