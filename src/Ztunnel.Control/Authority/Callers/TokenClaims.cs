using System.Buffers.Text;
using System.Text.Json;

namespace Ztunnel.Control;

/// <summary>
/// What a token says of itself (RFC 7519). Nothing vouches for it, so nobody is let in by it: it only tells what is not worth a review.
/// </summary>
internal static class TokenClaims
{
    /// <summary>As much as API servers allow clocks to differ.</summary>
    private static readonly TimeSpan Leeway = TimeSpan.FromMinutes(1);

    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = 16 };

    /// <summary>Why a token cannot be good for an audience, in words without any of it; null where a review is to tell.</summary>
    public static string? Fault(ReadOnlySpan<char> token, string audience, DateTimeOffset now)
    {
        Span<Range> parts = stackalloc Range[4];
        if (token.Split(parts, '.') != 3)
            return "the bearer token is not a JWT";
        ReadOnlySpan<char> payload = token[parts[1]];
        byte[] claims = new byte[Base64Url.GetMaxDecodedLength(payload.Length)];
        if (!Base64Url.IsValid(payload) || !Base64Url.TryDecodeFromChars(payload, claims, out int length))
            return "the bearer token is not a JWT";
        try
        {
            using var read = JsonDocument.Parse(claims.AsMemory(0, length), Reading);
            if (read.RootElement.ValueKind != JsonValueKind.Object)
                return "the bearer token is not a JWT";
            if (!IsFor(read.RootElement, audience))
                return $"the token is not for audience {audience}";
            return Expired(read.RootElement, now) ? "the token has expired" : null;
        }
        catch (JsonException)
        {
            return "the bearer token is not a JWT";
        }
    }

    private static bool IsFor(JsonElement claims, string audience)
    {
        if (!claims.TryGetProperty("aud", out JsonElement named))
            return false;
        return named.ValueKind switch
        {
            JsonValueKind.String => named.ValueEquals(audience),
            JsonValueKind.Array => named.EnumerateArray().Any(one => one.ValueKind == JsonValueKind.String && one.ValueEquals(audience)),
            _ => false,
        };
    }

    /// <summary>Whether it has expired; one that never does is made by no API server.</summary>
    private static bool Expired(JsonElement claims, DateTimeOffset now) =>
        !claims.TryGetProperty("exp", out JsonElement expires)
        || expires.ValueKind != JsonValueKind.Number
        || expires.GetDouble() <= (now - Leeway).ToUnixTimeSeconds();
}
