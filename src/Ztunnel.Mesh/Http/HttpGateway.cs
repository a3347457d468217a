namespace Ztunnel.Mesh;

/// <summary>
/// A Gateway as its pods serve requests for it: immutable, compared by content, and replaced whole when anything it depends
/// on changes.
/// </summary>
public sealed record HttpGateway
{
    /// <summary>Namespace and name.</summary>
    public required GatewayName Name { get; init; }

    /// <summary>When it was created, where that is known.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>Whether it is a waypoint: it takes tunnels, and chooses by the service asked for (<see cref="MeshState.RoutesFor"/>).</summary>
    public bool Waypoint { get; init; }

    /// <summary>
    /// The services whose pods serve it, where <c>spec.addresses</c> names any; otherwise the pods that are labelled
    /// <c>gateway.networking.k8s.io/gateway-name</c> with its name do.
    /// </summary>
    public ValueArray<ServiceName> Services { get; init; } = [];

    /// <summary>Its listeners that can be served; none for a waypoint.</summary>
    public ValueArray<ServedListener> Listeners { get; init; } = [];
}

/// <summary>
/// A Gateway appeared (<paramref name="Old"/> is null), changed, or went (<paramref name="New"/> is null). Both are the same
/// when only the pods that serve it have changed.
/// </summary>
public sealed record HttpGatewayChange(HttpGateway? Old, HttpGateway? New)
{
    /// <summary>The Gateway concerned, in its newest form.</summary>
    public HttpGateway Subject => New ?? Old ?? throw new InvalidOperationException("A change has an old or a new Gateway.");
}
