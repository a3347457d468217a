using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>RequestAuthentication</c> of <c>security.istio.io</c>.</summary>
public sealed record RequestAuthenticationObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.RequestAuthentication;

    /// <summary><c>spec.selector.matchLabels</c>; empty when it is about every workload in its reach.</summary>
    public StringMap Selector { get; init; } = StringMap.Empty;

    /// <summary><c>spec.targetRefs</c>, or the older <c>targetRef</c>.</summary>
    public ValueArray<PolicyTarget> Targets { get; init; } = [];

    /// <summary><c>spec.jwtRules</c>.</summary>
    public ValueArray<JwtRuleSpec> Rules { get; init; } = [];

    /// <inheritdoc/>
    internal override KubernetesObject? StandIn() => this with { StandsIn = true };
}

/// <summary>One of <c>spec.jwtRules</c>.</summary>
public sealed record JwtRuleSpec
{
    /// <summary><c>issuer</c>.</summary>
    public required string Issuer { get; init; }

    /// <summary><c>audiences</c>.</summary>
    public ValueArray<string> Audiences { get; init; } = [];

    /// <summary><c>jwks</c>: the keys, as JSON.</summary>
    public string? Jwks { get; init; }

    /// <summary><c>jwksUri</c>.</summary>
    public Uri? JwksUri { get; init; }

    /// <summary><c>timeout</c> for fetching keys.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary><c>fromHeaders</c>.</summary>
    public ValueArray<JwtHeader> FromHeaders { get; init; } = [];

    /// <summary><c>fromParams</c>.</summary>
    public ValueArray<string> FromParams { get; init; } = [];

    /// <summary><c>fromCookies</c>.</summary>
    public ValueArray<string> FromCookies { get; init; } = [];

    /// <summary><c>outputPayloadToHeader</c>.</summary>
    public string? OutputPayloadToHeader { get; init; }

    /// <summary><c>outputClaimToHeaders</c>.</summary>
    public ValueArray<JwtClaimHeader> OutputClaimToHeaders { get; init; } = [];

    /// <summary><c>forwardOriginalToken</c>.</summary>
    public bool ForwardOriginalToken { get; init; }

    /// <summary><c>spaceDelimitedClaims</c>.</summary>
    public ValueArray<string> SpaceDelimitedClaims { get; init; } = [];
}
