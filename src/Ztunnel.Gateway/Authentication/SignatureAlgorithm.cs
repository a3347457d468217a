using System.Collections.Frozen;
using System.Security.Cryptography;

namespace Ztunnel.Gateway;

/// <summary>
/// A way of signing with a private key (RFC 7518 section 3.1, RFC 8037). Those with a secret are left out, so that no public key
/// can be taken for one, and so is <c>none</c>.
/// </summary>
/// <param name="Name">Its name in tokens.</param>
/// <param name="KeyType">The type of its keys in key sets.</param>
/// <param name="Curve">The curve of its keys, where they are of one.</param>
/// <param name="Hash">What it hashes with.</param>
/// <param name="Padding">How it pads, with RSA.</param>
internal sealed record SignatureAlgorithm(string Name, string KeyType, string? Curve, HashAlgorithmName Hash, RSASignaturePadding? Padding)
{
    private static readonly FrozenDictionary<string, SignatureAlgorithm> All = new SignatureAlgorithm[]
    {
        new("RS256", "RSA", null, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1),
        new("RS384", "RSA", null, HashAlgorithmName.SHA384, RSASignaturePadding.Pkcs1),
        new("RS512", "RSA", null, HashAlgorithmName.SHA512, RSASignaturePadding.Pkcs1),
        new("PS256", "RSA", null, HashAlgorithmName.SHA256, RSASignaturePadding.Pss),
        new("PS384", "RSA", null, HashAlgorithmName.SHA384, RSASignaturePadding.Pss),
        new("PS512", "RSA", null, HashAlgorithmName.SHA512, RSASignaturePadding.Pss),
        new("ES256", "EC", "P-256", HashAlgorithmName.SHA256, null),
        new("ES384", "EC", "P-384", HashAlgorithmName.SHA384, null),
        new("ES512", "EC", "P-521", HashAlgorithmName.SHA512, null),
        new("EdDSA", "OKP", "Ed25519", default, null),
    }.ToFrozenDictionary(algorithm => algorithm.Name, StringComparer.Ordinal);

    /// <summary>The algorithm of that name; null for one not taken.</summary>
    public static SignatureAlgorithm? Find(string name) => All.GetValueOrDefault(name);
}
