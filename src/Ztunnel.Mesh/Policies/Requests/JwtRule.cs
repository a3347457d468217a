using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>Where tokens of one issuer are found in requests, how they are verified, and what is sent on of them (Istio's JWTRule).</summary>
public sealed class JwtRule
{
    /// <summary>The RequestAuthentication it is of.</summary>
    public required PolicyName Policy { get; init; }

    /// <summary>The claim <c>iss</c> of the tokens.</summary>
    public required string Issuer { get; init; }

    /// <summary>Of which one must be in the claim <c>aud</c>; any will do where this is empty.</summary>
    public ImmutableArray<string> Audiences { get; init; } = [];

    /// <summary>The keys themselves, as JSON (RFC 7517); null where they are fetched.</summary>
    public string? Jwks { get; init; }

    /// <summary>Where the keys are fetched; null where <see cref="Jwks"/> has them or the issuer is asked where they are (OpenID Connect Discovery).</summary>
    public Uri? JwksUri { get; init; }

    /// <summary>How long fetching the keys may take; null for the default.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>Headers the token may be in. With these, <see cref="FromParams"/> and <see cref="FromCookies"/> empty, <c>Authorization: Bearer</c> and the parameter <c>access_token</c>.</summary>
    public ImmutableArray<JwtHeader> FromHeaders { get; init; } = [];

    /// <summary>Query parameters it may be in.</summary>
    public ImmutableArray<string> FromParams { get; init; } = [];

    /// <summary>Cookies it may be in.</summary>
    public ImmutableArray<string> FromCookies { get; init; } = [];

    /// <summary>The header in which the payload is sent on, in base64url; null for none.</summary>
    public string? OutputPayloadToHeader { get; init; }

    /// <summary>Headers in which single claims are sent on.</summary>
    public ImmutableArray<JwtClaimHeader> OutputClaimToHeaders { get; init; } = [];

    /// <summary>Whether the token itself is sent on.</summary>
    public bool ForwardOriginalToken { get; init; }

    /// <summary>Claims, besides <c>scope</c> and <c>permission</c>, that are words parted by spaces.</summary>
    public ImmutableArray<string> SpaceDelimitedClaims { get; init; } = [];
}

/// <summary>A header that a token may be in, after <paramref name="Prefix"/>, which may be empty.</summary>
public sealed record JwtHeader(string Name, string Prefix);

/// <summary>The header in which a claim is sent on.</summary>
/// <param name="Header">The header.</param>
/// <param name="Claim">The claim; with dots in it the name of one within others, unless there is one called so.</param>
public sealed record JwtClaimHeader(string Header, string Claim);
