using System.Buffers.Text;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Verifies the tokens of requests by the rules of RequestAuthentications. A request without a token is let through, and one with
/// tokens is as soon as one of them is valid; otherwise it is refused for the reason that says most.
/// </summary>
internal sealed class RequestAuthenticator(KeySetCache keys, TimeProvider time)
{
    /// <summary>By how much the clocks of issuers may differ from ours.</summary>
    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private readonly VerifiedTokenCache _verified = new();

    /// <summary>Verifies the tokens of a request. <paramref name="query"/> is with its question mark or without.</summary>
    public async ValueTask<AuthenticatedRequest> Authenticate(
        ImmutableArray<JwtRule> rules, IRequestHeaders headers, string query, CancellationToken cancellation)
    {
        if (rules.IsEmpty)
            return AuthenticatedRequest.Anonymous;
        TokenRefusal? refusal = null;
        foreach (JwtRule rule in rules)
        {
            foreach ((TokenSource source, string text) in TokenSource.Find(rule, headers, query))
            {
                (VerifiedTokenCache.Verified? verified, TokenRefusal? why) = await Verify(rule, text, cancellation);
                if (verified is not null)
                    return Accept(rules, rule, source, verified, headers, query);
                // That a token is not of this issuer is no news where another rule knows its issuer.
                if (refusal is null || ReferenceEquals(refusal, TokenRefusal.UnknownIssuer))
                    refusal = why;
            }
        }

        return Unverified(rules, headers) with { Refusal = refusal };
    }

    /// <summary>A request whose tokens count for nothing: what only they may say is not believed of it.</summary>
    public static AuthenticatedRequest Unverified(ImmutableArray<JwtRule> rules, IRequestHeaders headers) =>
        new() { Headers = [.. Untrusted(rules, headers)] };

    private async ValueTask<(VerifiedTokenCache.Verified? Verified, TokenRefusal? Refusal)> Verify(JwtRule rule, string text, CancellationToken cancellation)
    {
        if (_verified.Find(rule, text) is { } known)
        {
            JsonWebKeySet? current = await keys.KeysFor(rule, null, cancellation);
            if (ReferenceEquals(current, known.Keys))
                return Dates(known.Token) is { } outdated ? (null, outdated) : (known, null);
        }

        if (!JsonWebToken.TryParse(text, out JsonWebToken? token, out TokenRefusal? refusal))
            return (null, refusal);
        refusal = Claims(rule, token);
        if (refusal is not null)
            return (null, refusal);
        JsonWebKeySet? set = await keys.KeysFor(rule, null, cancellation);
        refusal = set is null ? TokenRefusal.KeysNotFetched : set.Verify(token);
        if (ReferenceEquals(refusal, TokenRefusal.NoKey) && rule.Jwks is null)
        {
            // The issuer may sign with a key newer than those we know.
            set = await keys.KeysFor(rule, set, cancellation);
            refusal = set!.Verify(token);
        }

        if (refusal is not null)
            return (null, refusal);
        var verified = new VerifiedTokenCache.Verified(token, VerifiedToken.Of(token.Payload, rule.SpaceDelimitedClaims), set!);
        _verified.Add(rule, text, verified);
        return (verified, null);
    }

    private TokenRefusal? Claims(JwtRule rule, JsonWebToken token)
    {
        if (!string.Equals(token.Issuer, rule.Issuer, StringComparison.Ordinal) || rule.Issuer.Length == 0)
            return TokenRefusal.UnknownIssuer;
        if (Dates(token) is { } refusal)
            return refusal;
        if (rule.Audiences.IsEmpty)
            return null;
        IEnumerable<string?> audiences = !token.Payload.TryGetProperty("aud", out JsonElement audience) ? []
            : audience.ValueKind == JsonValueKind.String ? [audience.GetString()] : audience.EnumerateArray().Select(item => item.GetString());
        return audiences.Any(given => rule.Audiences.Any(allowed => IsSameAudience(given!, allowed))) ? null : TokenRefusal.Audience;
    }

    /// <summary>As Envoy compares them: an address is the same with or without its scheme and the slash at its end.</summary>
    private static bool IsSameAudience(string given, string allowed) => Bare(given).SequenceEqual(Bare(allowed));

    private static ReadOnlySpan<char> Bare(string audience)
    {
        ReadOnlySpan<char> text = audience;
        foreach (string scheme in (ReadOnlySpan<string>)["https://", "http://"])
        {
            if (text.StartsWith(scheme, StringComparison.Ordinal))
            {
                text = text[scheme.Length..];
                break;
            }
        }

        return text.EndsWith("/", StringComparison.Ordinal) ? text[..^1] : text;
    }

    private TokenRefusal? Dates(JsonWebToken token)
    {
        double now = time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0, skew = ClockSkew.TotalSeconds;
        if (!token.TryDate("iat", out _))
            return TokenRefusal.Date("iat");
        if (!token.TryDate("nbf", out double? notBefore))
            return TokenRefusal.Date("nbf");
        if (!token.TryDate("exp", out double? expires))
            return TokenRefusal.Date("exp");
        if (notBefore > now + skew)
            return TokenRefusal.NotYetValid;
        return expires < now - skew ? TokenRefusal.Expired : null;
    }

    private static AuthenticatedRequest Accept(
        ImmutableArray<JwtRule> rules, JwtRule rule, TokenSource source, VerifiedTokenCache.Verified verified, IRequestHeaders headers, string query)
    {
        ImmutableArray<RequestHeader>.Builder changes = ImmutableArray.CreateBuilder<RequestHeader>();
        string? newQuery = null;
        changes.AddRange(Untrusted(rules, headers));
        if (!rule.ForwardOriginalToken)
            source.Remove(headers, query, changes, ref newQuery);
        if (rule.OutputPayloadToHeader is { } payload)
            changes.Add(new RequestHeader(payload, verified.Token.EncodedPayload));
        foreach ((string header, string claim) in rule.OutputClaimToHeaders)
        {
            if (ClaimOf(verified.Token.Payload, claim) is { } value)
                changes.Add(new RequestHeader(header, value));
        }

        return new AuthenticatedRequest { Token = verified.Claims, Headers = changes.DrainToImmutable(), Query = newQuery };
    }

    /// <summary>Headers that say what only a verified token may say: what a client sends in them is removed.</summary>
    private static IEnumerable<RequestHeader> Untrusted(ImmutableArray<JwtRule> rules, IRequestHeaders headers) => rules
        .SelectMany(rule => rule.OutputClaimToHeaders.Select(output => output.Header).Concat(rule.OutputPayloadToHeader is { } payload ? [payload] : []))
        .Where(name => headers.Find(name) is not null)
        .Select(name => new RequestHeader(name, null));

    /// <summary>A claim as a header says it: a text as it is, a number or truth as JSON has it, anything else as JSON in base64url.</summary>
    private static string? ClaimOf(JsonElement payload, string claim)
    {
        JsonElement value = payload;
        if (!payload.TryGetProperty(claim, out value))
        {
            value = payload;
            foreach (string name in claim.Split('.'))
            {
                if (value.ValueKind != JsonValueKind.Object || !value.TryGetProperty(name, out value))
                    return null;
            }
        }

        return value.ValueKind switch
        {
            // What cannot stand in a header must not end it.
            JsonValueKind.String => value.GetString() is { } text && text.All(c => c is >= ' ' and < '\u007f') ? text : null,
            JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
            JsonValueKind.Object or JsonValueKind.Array => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(value.GetRawText())),
            _ => null,
        };
    }
}
