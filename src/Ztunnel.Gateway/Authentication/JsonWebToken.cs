using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;

namespace Ztunnel.Gateway;

/// <summary>A token as it was read, in its compact form (RFC 7515 section 7.1), with nothing verified yet.</summary>
internal sealed class JsonWebToken
{
    private static readonly SearchValues<char> Base64UrlCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

    // Two readers must never see two different values of one claim.
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    private JsonWebToken(string text, string algorithm, string? keyId, JsonElement payload, byte[] signature)
    {
        Text = text;
        Algorithm = algorithm;
        KeyId = keyId;
        Payload = payload;
        Signature = signature;
        Issuer = TextOf("iss") ?? "";
    }

    /// <summary>The token itself; not for any log.</summary>
    public string Text { get; }

    /// <summary>What it says it is signed with.</summary>
    public string Algorithm { get; }

    /// <summary>The key it says it is signed with; null where it names none.</summary>
    public string? KeyId { get; }

    /// <summary>The claims, an object.</summary>
    public JsonElement Payload { get; }

    /// <summary>The signature.</summary>
    public byte[] Signature { get; }

    /// <summary>The claim <c>iss</c>; empty where there is none.</summary>
    public string Issuer { get; }

    /// <summary>The payload as the token has it, in base64url.</summary>
    public string EncodedPayload => Text[(Text.IndexOf('.', StringComparison.Ordinal) + 1)..Text.LastIndexOf('.')];

    /// <summary>What is signed.</summary>
    public byte[] Signed => Encoding.ASCII.GetBytes(Text, 0, Text.LastIndexOf('.'));

    /// <summary>Reads a token, or says why it is none.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out JsonWebToken? token, [NotNullWhen(false)] out TokenRefusal? refusal)
    {
        token = null;
        string[] parts = text.Split('.', 4);
        if (parts.Length != 3)
        {
            refusal = TokenRefusal.Form;
            return false;
        }

        refusal = ReadHeader(parts[0], out string algorithm, out string? keyId);
        JsonElement payload = default;
        refusal ??= Decode(parts[1]) is { } json ? ReadPayload(json, out payload) : TokenRefusal.PayloadEncoding;
        if (refusal is not null)
            return false;
        if (parts[2].Length == 0 || Decode(parts[2]) is not { } signature)
        {
            refusal = TokenRefusal.SignatureEncoding;
            return false;
        }

        token = new JsonWebToken(text, algorithm, keyId, payload, signature);
        return true;
    }

    /// <summary>A date of the payload in seconds since 1970; null where there is none. False for what is no date.</summary>
    public bool TryDate(string claim, out double? seconds)
    {
        seconds = null;
        if (!Payload.TryGetProperty(claim, out JsonElement value))
            return true;
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out double number) || number is < 0 or > long.MaxValue)
            return false;
        seconds = number;
        return true;
    }

    private static TokenRefusal? ReadHeader(string part, out string algorithm, out string? keyId)
    {
        (algorithm, keyId) = ("", null);
        if (Decode(part) is not { } json)
            return TokenRefusal.HeaderEncoding;
        if (Parse(json) is not { } header)
            return TokenRefusal.HeaderJson;
        if (!header.TryGetProperty("alg", out JsonElement alg) || alg.ValueKind != JsonValueKind.String)
            return TokenRefusal.AlgorithmMissing;
        algorithm = alg.GetString()!;
        if (SignatureAlgorithm.Find(algorithm) is null)
            return TokenRefusal.AlgorithmUnsupported;
        // What must be understood and is not (RFC 7515 section 4.1.11).
        if (header.TryGetProperty("crit", out _))
            return TokenRefusal.CriticalUnsupported;
        if (!header.TryGetProperty("kid", out JsonElement kid))
            return null;
        keyId = kid.ValueKind == JsonValueKind.String ? kid.GetString() : null;
        return keyId is null ? TokenRefusal.KeyIdNotText : null;
    }

    private static TokenRefusal? ReadPayload(byte[] json, out JsonElement payload)
    {
        payload = default;
        if (Parse(json) is not { } claims)
            return TokenRefusal.PayloadJson;
        payload = claims;
        if (!IsTextIfThere(claims, "iss"))
            return TokenRefusal.IssuerNotText;
        if (!IsTextIfThere(claims, "sub"))
            return TokenRefusal.SubjectNotText;
        bool audience = IsTextIfThere(claims, "aud")
            || (claims.GetProperty("aud") is { ValueKind: JsonValueKind.Array } list && list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String));
        return audience ? null : TokenRefusal.AudienceNotText;
    }

    private static bool IsTextIfThere(JsonElement claims, string name) =>
        !claims.TryGetProperty(name, out JsonElement value) || value.ValueKind == JsonValueKind.String;

    private static JsonElement? Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static byte[]? Decode(string part)
    {
        if (part.AsSpan().ContainsAnyExcept(Base64UrlCharacters) || !Base64Url.IsValid(part))
            return null;
        return Base64Url.DecodeFromChars(part);
    }

    private string? TextOf(string claim) => Payload.TryGetProperty(claim, out JsonElement value) ? value.GetString() : null;
}
