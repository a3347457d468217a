using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>DestinationRule</c> of Istio's, versions v1, v1beta1 and v1alpha3, which have the same fields.</summary>
public sealed record DestinationRuleObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.DestinationRule;

    /// <summary>The host as it is written: a service of the rule's namespace in short, a hostname, or one with a leading <c>*</c>.</summary>
    public string Host { get; init; } = "";

    /// <summary>The namespaces whose clients it holds for; none is all.</summary>
    public ValueArray<string> ExportTo { get; init; } = [];

    /// <summary>The labels of the client pods of its namespace it holds for; null for all.</summary>
    public StringMap? Selector { get; init; }

    /// <summary>What holds on ports that have nothing of their own.</summary>
    public TrafficPolicy Policy { get; init; } = TrafficPolicy.None;

    /// <summary>What holds on single ports.</summary>
    public ValueArray<PortTrafficPolicy> Ports { get; init; } = [];

    /// <summary>Parts of the host's endpoints, each with what it says itself.</summary>
    public ValueArray<Subset> Subsets { get; init; } = [];

    /// <summary>The Secrets it names (<c>credentialName</c>), each of the client's namespace; each once.</summary>
    public IEnumerable<string> SecretNames => Ports.Select(port => port.Policy)
        .Append(Policy)
        .Concat(Subsets.Select(subset => subset.Policy).OfType<TrafficPolicy>())
        .Select(policy => policy.Tls?.CredentialName)
        .OfType<string>()
        .Distinct(StringComparer.Ordinal);

    /// <summary>The fields it has that nothing comes of, by their paths.</summary>
    public ValueArray<string> NotEnforced { get; init; } = [];
}
