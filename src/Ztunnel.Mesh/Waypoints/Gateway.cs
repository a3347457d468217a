namespace Ztunnel.Mesh;

/// <summary>A Gateway API Gateway as decisions at layer 4 see it: what it is for, and how it is reached if it is a waypoint.</summary>
public sealed record Gateway
{
    /// <summary>Namespace and name. Pods labelled <c>gateway.networking.k8s.io/gateway-name</c> with the name are its instances.</summary>
    public required GatewayName Name { get; init; }

    /// <summary>Whether it is one of the mesh's ingress gateways, which reach services directly unless those say otherwise.</summary>
    public bool Ingress { get; init; }

    /// <summary>The GatewayClass it is of; null where that is not known.</summary>
    public string? Class { get; init; }

    /// <summary>What it is as a waypoint; null when it is none.</summary>
    public Waypoint? Waypoint { get; init; }
}
