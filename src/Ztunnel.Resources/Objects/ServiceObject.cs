using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>Service</c>.</summary>
public sealed record ServiceObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.Service;

    /// <summary>Whether it is of type <c>ExternalName</c>, a name in DNS and nothing else.</summary>
    public bool ExternalName { get; init; }

    /// <summary>Whether it is of type <c>LoadBalancer</c>, so that something outside the cluster is to lead to it.</summary>
    public bool LoadBalanced { get; init; }

    /// <summary>Where that is, as far as it is there (<c>status.loadBalancer.ingress</c>).</summary>
    public ValueArray<GatewayAddress> Ingress { get; init; } = [];

    /// <summary>The cluster IPs; none for a headless service.</summary>
    public ValueArray<IPAddress> ClusterIps { get; init; } = [];

    /// <summary>The labels of the pods behind it; empty when its endpoints are somebody else's business.</summary>
    public StringMap Selector { get; init; } = StringMap.Empty;

    /// <summary>The ports.</summary>
    public ValueArray<ServicePortSpec> Ports { get; init; } = [];

    /// <summary>Whether pods count as endpoints before they are ready.</summary>
    public bool PublishNotReadyAddresses { get; init; }

    /// <summary>Whether <c>internalTrafficPolicy</c> is <c>Local</c>: clients only get endpoints on their own node.</summary>
    public bool InternalTrafficLocal { get; init; }

    /// <summary><c>spec.trafficDistribution</c>; null where it says nothing.</summary>
    public TrafficDistribution? Distribution { get; init; }

    /// <summary>Whether <c>sessionAffinity</c> is <c>ClientIP</c>.</summary>
    public bool ClientAffinity { get; init; }
}

/// <summary>One of <c>spec.ports</c> of a Service. <see cref="Name"/> is empty when it has none.</summary>
public sealed record ServicePortSpec(string Name, ushort Port, TransportProtocol Protocol, TargetPort Target, string? AppProtocol);

/// <summary>The port of the pods behind a service's port: a number, or the name each pod gives its own number to.</summary>
public abstract record TargetPort
{
    private TargetPort()
    {
    }

    /// <summary>The same number on every pod.</summary>
    public sealed record Numbered(ushort Port) : TargetPort;

    /// <summary>The container port of that name.</summary>
    public sealed record Named(string Name) : TargetPort;
}
