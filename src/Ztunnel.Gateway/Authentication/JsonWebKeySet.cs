using System.Collections.Immutable;
using System.Text.Json;

namespace Ztunnel.Gateway;

/// <summary>The keys of one issuer. A key that cannot be used does not keep the others from being.</summary>
internal sealed class JsonWebKeySet
{
    private const int MostKeys = 256;

    private readonly ImmutableArray<JsonWebKey> _keys;

    private JsonWebKeySet(ImmutableArray<JsonWebKey> keys) => _keys = keys;

    /// <summary>Reads a set; null for what is none.</summary>
    public static JsonWebKeySet? Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("keys", out JsonElement keys)
                && keys.ValueKind == JsonValueKind.Array
                    ? new JsonWebKeySet([.. keys.EnumerateArray().Take(MostKeys).Select(JsonWebKey.Read).OfType<JsonWebKey>()])
                    : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether a key of the set has signed the token; null if it has.</summary>
    public TokenRefusal? Verify(JsonWebToken token)
    {
        SignatureAlgorithm algorithm = SignatureAlgorithm.Find(token.Algorithm)!;
        TokenRefusal refusal = TokenRefusal.NoKey;
        byte[] signed = token.Signed;
        foreach (JsonWebKey key in _keys)
        {
            if (!key.Fits(algorithm, token.KeyId))
                continue;
            if (key.Verify(algorithm, signed, token.Signature))
                return null;
            refusal = TokenRefusal.Verification;
        }

        return refusal;
    }
}
