using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>One public key of a key set (RFC 7517). Safe from any thread.</summary>
internal sealed class JsonWebKey
{
    private const int SmallestRsa = 2048;

    private readonly Lock _lock = new();
    private readonly RSA? _rsa;
    private readonly ECDsa? _ec;
    private readonly byte[]? _edwards;
    private readonly string? _algorithm;
    private readonly string _type;
    private readonly string? _curve;

    private JsonWebKey(JsonElement json)
    {
        KeyId = Text(json, "kid");
        _algorithm = Text(json, "alg");
        _type = Text(json, "kty") ?? "";
        _curve = Text(json, "crv");
        if (_type is "RSA")
            _rsa = Rsa(json);
        else if (_type is "EC")
            _ec = Ec(json, _curve);
        else if (_type is "OKP" && _curve is "Ed25519" && Ed25519.IsKey(Number(json, "x")))
            _edwards = Number(json, "x");
    }

    /// <summary>Its name; null where it has none.</summary>
    public string? KeyId { get; }

    /// <summary>Reads a key; null for one that is none, is too weak, is not for verifying or is of a type not taken.</summary>
    public static JsonWebKey? Read(JsonElement json)
    {
        try
        {
            if (json.ValueKind != JsonValueKind.Object || Text(json, "use") is not (null or "sig"))
                return null;
            var key = new JsonWebKey(json);
            return key._rsa is { KeySize: >= SmallestRsa } || key._ec is not null || key._edwards is not null ? key : null;
        }
        catch (Exception error) when (error is CryptographicException or FormatException or ArgumentException or PlatformNotSupportedException)
        {
            return null;
        }
    }

    /// <summary>Whether a token that names this algorithm and key may be signed with it.</summary>
    public bool Fits(SignatureAlgorithm algorithm, string? keyId) =>
        string.Equals(_type, algorithm.KeyType, StringComparison.Ordinal)
        && (algorithm.Curve is null || string.Equals(_curve, algorithm.Curve, StringComparison.Ordinal))
        && (string.IsNullOrEmpty(_algorithm) || string.Equals(_algorithm, algorithm.Name, StringComparison.Ordinal))
        && (string.IsNullOrEmpty(KeyId) || string.IsNullOrEmpty(keyId) || string.Equals(KeyId, keyId, StringComparison.Ordinal));

    /// <summary>Whether the signature is of this key.</summary>
    public bool Verify(SignatureAlgorithm algorithm, byte[] data, byte[] signature)
    {
        if (_edwards is not null)
            return Ed25519.Verify(_edwards, data, signature);
        lock (_lock)
        {
            return _rsa is not null
                ? _rsa.VerifyData(data, signature, algorithm.Hash, algorithm.Padding!)
                : _ec!.VerifyData(data, signature, algorithm.Hash, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
    }

    private static RSA Rsa(JsonElement json) => RSA.Create(new RSAParameters { Modulus = Number(json, "n"), Exponent = Number(json, "e") });

    private static ECDsa? Ec(JsonElement json, string? name)
    {
        ECCurve? curve = name switch
        {
            "P-256" => ECCurve.NamedCurves.nistP256,
            "P-384" => ECCurve.NamedCurves.nistP384,
            "P-521" => ECCurve.NamedCurves.nistP521,
            _ => null,
        };
        return curve is null
            ? null
            : ECDsa.Create(new ECParameters { Curve = curve.Value, Q = new ECPoint { X = Number(json, "x"), Y = Number(json, "y") } });
    }

    private static byte[] Number(JsonElement json, string name) =>
        Base64Url.DecodeFromChars(Text(json, name) ?? throw new FormatException($"a key has no {name}"));

    private static string? Text(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
