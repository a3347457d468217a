using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>An <c>EndpointSlice</c>.</summary>
public sealed record EndpointSliceObject : KubernetesObject
{
    /// <summary>The label that names the service a slice belongs to.</summary>
    public const string ServiceNameLabel = "kubernetes.io/service-name";

    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.EndpointSlice;

    /// <summary>The service it belongs to, in the same namespace; null for a slice that serves something else.</summary>
    public string? ServiceName => Metadata.Labels[ServiceNameLabel];

    /// <summary>The TCP ports that each of the endpoints serves.</summary>
    public ValueArray<SlicePort> Ports { get; init; } = [];

    /// <summary>The endpoints; none for a slice of type <c>FQDN</c>, which names no addresses.</summary>
    public ValueArray<SliceEndpoint> Endpoints { get; init; } = [];
}

/// <summary>One of the <c>ports</c> of a slice. <paramref name="Name"/> is empty when it has none.</summary>
public sealed record SlicePort(string Name, ushort Port);

/// <summary>One of the <c>endpoints</c> of a slice.</summary>
/// <param name="Addresses">Its addresses, any of which will do.</param>
/// <param name="Ready">Its <c>ready</c> condition; ready when it has none.</param>
/// <param name="Pod">The pod it is, in the slice's namespace, or null when it is none.</param>
public sealed record SliceEndpoint(ValueArray<IPAddress> Addresses, bool Ready, string? Pod)
{
    /// <summary>Whether it is being ended and still serves: its conditions <c>terminating</c> and <c>serving</c>.</summary>
    public bool Terminating { get; init; }

    /// <summary>Its <c>nodeName</c>, or null.</summary>
    public string? NodeName { get; init; }

    /// <summary>Its <c>zone</c>, or null.</summary>
    public string? Zone { get; init; }
}
