using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>An <c>AuthorizationPolicy</c> of <c>security.istio.io</c>.</summary>
public sealed record AuthorizationPolicyObject : KubernetesObject
{
    /// <summary>The annotation that makes a policy be tried out rather than enforced.</summary>
    public const string DryRunAnnotation = "istio.io/dry-run";

    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.AuthorizationPolicy;

    /// <summary><c>spec.action</c>, ALLOW by default.</summary>
    public PolicyAction Action { get; init; }

    /// <summary><c>spec.selector.matchLabels</c>; empty when it is about every workload in its reach.</summary>
    public StringMap Selector { get; init; } = StringMap.Empty;

    /// <summary><c>spec.targetRefs</c>, or the older <c>targetRef</c>: what enforces it in place of the workloads' own nodes.</summary>
    public ValueArray<PolicyTarget> Targets { get; init; } = [];

    /// <summary><c>spec.rules</c>.</summary>
    public ValueArray<RuleSpec> Rules { get; init; } = [];

    /// <inheritdoc/>
    internal override KubernetesObject? StandIn() => this with { StandsIn = true, Rules = [] };
}

/// <summary>
/// One of <c>spec.rules</c>: matches what one of <see cref="From"/> (if there is any), one of <see cref="To"/> (if there is
/// any) and each of <see cref="When"/> matches.
/// </summary>
public sealed record RuleSpec(ValueArray<MatchSpec> From, ValueArray<MatchSpec> To, ValueArray<MatchSpec> When);

/// <summary>A source, an operation or a condition: all its attributes must match.</summary>
public sealed record MatchSpec(ValueArray<AttributeSpec> Attributes);

/// <summary>What is demanded of one attribute.</summary>
/// <param name="Name">The attribute: the field of a source or operation without its <c>not</c>, or a condition's key.</param>
/// <param name="Negated">Whether none of the values may match, rather than one having to.</param>
/// <param name="Values">The values, at least one.</param>
public sealed record AttributeSpec(string Name, bool Negated, ValueArray<string> Values);
