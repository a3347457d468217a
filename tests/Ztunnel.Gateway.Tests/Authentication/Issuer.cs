using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Ztunnel.Gateway.Tests;

/// <summary>Somebody who signs tokens, with a key of each kind.</summary>
internal sealed class Issuer : IDisposable
{
    private readonly RSA _rsa = RSA.Create(2048);
    private readonly RSA _weak = RSA.Create(1024);
    private readonly Dictionary<string, ECDsa> _ec = new(StringComparer.Ordinal)
    {
        ["ES256"] = ECDsa.Create(ECCurve.NamedCurves.nistP256),
        ["ES384"] = ECDsa.Create(ECCurve.NamedCurves.nistP384),
        ["ES512"] = ECDsa.Create(ECCurve.NamedCurves.nistP521),
    };

    /// <summary>The public keys, named rsa, ES256, ES384, ES512; <paramref name="rsaMembers"/> go into the RSA key.</summary>
    public string Keys(string rsaMembers = "\"kid\":\"rsa\"") => $$"""{"keys":[{"kty":"oct","k":"AAAA","kid":"secret"},{"kty":"odd"},7,{{RsaKey(rsaMembers)}}{{string.Concat(_ec.Select(key => "," + EcKey(key.Key, key.Value)))}}]}""";

    public string RsaKey(string members = "\"kid\":\"rsa\"") => Rsa(_rsa, members);

    public string WeakKey() => Rsa(_weak, "\"kid\":\"rsa\"");

    /// <summary>A token; <paramref name="claims"/> are the members of its payload.</summary>
    public string Token(string claims, string algorithm = "RS256", string? header = null)
    {
        header ??= $"{{\"alg\":\"{algorithm}\",\"kid\":\"{(algorithm[0] == 'E' ? algorithm : "rsa")}\",\"typ\":\"JWT\"}}";
        string signed = $"{Encode(header)}.{Encode($"{{{claims}}}")}";
        return $"{signed}.{Base64Url.EncodeToString(Sign(algorithm, Encoding.ASCII.GetBytes(signed)))}";
    }

    public static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    public void Dispose()
    {
        _rsa.Dispose();
        _weak.Dispose();
        foreach (ECDsa key in _ec.Values)
            key.Dispose();
    }

    private byte[] Sign(string algorithm, byte[] data)
    {
        var hash = new HashAlgorithmName(string.Create(CultureInfo.InvariantCulture, $"SHA{algorithm[2..]}"));
        return algorithm[..2] switch
        {
            "RS" => _rsa.SignData(data, hash, RSASignaturePadding.Pkcs1),
            "PS" => _rsa.SignData(data, hash, RSASignaturePadding.Pss),
            "WS" => _weak.SignData(data, hash, RSASignaturePadding.Pkcs1),
            // With the public key as a secret: what algorithm confusion is.
            "HS" => HMACSHA256.HashData(_rsa.ExportSubjectPublicKeyInfo(), data),
            _ => _ec[algorithm].SignData(data, hash),
        };
    }

    private static string Rsa(RSA key, string members)
    {
        RSAParameters parameters = key.ExportParameters(includePrivateParameters: false);
        return $$"""{"kty":"RSA","use":"sig",{{members}},"n":"{{Base64Url.EncodeToString(parameters.Modulus)}}","e":"{{Base64Url.EncodeToString(parameters.Exponent)}}"}""";
    }

    private static string EcKey(string name, ECDsa key)
    {
        ECParameters parameters = key.ExportParameters(includePrivateParameters: false);
        string curve = name switch { "ES256" => "P-256", "ES384" => "P-384", _ => "P-521" };
        return $$"""{"kty":"EC","kid":"{{name}}","crv":"{{curve}}","x":"{{Base64Url.EncodeToString(parameters.Q.X)}}","y":"{{Base64Url.EncodeToString(parameters.Q.Y)}}"}""";
    }
}
