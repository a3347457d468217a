using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>Node</c>.</summary>
public sealed record NodeObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.Node;

    /// <summary>The addresses of type <c>InternalIP</c>.</summary>
    public ValueArray<IPAddress> InternalAddresses { get; init; } = [];

    /// <summary>Whether the <c>Ready</c> condition holds; a manifest without it stands for a node that is well.</summary>
    public bool Ready { get; init; } = true;

    /// <summary>The ranges its pods take their addresses from (<c>spec.podCIDRs</c>).</summary>
    public ValueArray<IPNetwork> PodRanges { get; init; } = [];
}
