using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A Gateway API route, with the API server's defaults applied.</summary>
public abstract record RouteObject : KubernetesObject
{
    private protected RouteObject()
    {
    }

    /// <summary><c>spec.parentRefs</c>: what it is attached to.</summary>
    public ValueArray<ParentReference> Parents { get; init; } = [];

    /// <summary><c>spec.hostnames</c>: the hosts it is for; none is all.</summary>
    public ValueArray<string> Hostnames { get; init; } = [];

    /// <summary><c>spec.rules</c>.</summary>
    public ValueArray<RouteRule> Rules { get; init; } = [];

    /// <summary>What names it in the model.</summary>
    public RouteName Name => new(RouteKind, Metadata.Namespace, Metadata.Name);

    /// <summary>Whether it is about requests, and not about connections as they are.</summary>
    internal bool IsAboutRequests => RouteKind is RouteKind.Http or RouteKind.Grpc;

    private protected abstract RouteKind RouteKind { get; }
}

/// <summary>An <c>HTTPRoute</c>, version v1 or v1beta1, which have the same fields.</summary>
public sealed record HttpRouteObject : RouteObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.HttpRoute;

    private protected override RouteKind RouteKind => RouteKind.Http;
}

/// <summary>A <c>GRPCRoute</c>.</summary>
public sealed record GrpcRouteObject : RouteObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.GrpcRoute;

    private protected override RouteKind RouteKind => RouteKind.Grpc;
}

/// <summary>A <c>TLSRoute</c>: connections by their server name. Its rule has no matches and no filters.</summary>
public sealed record TlsRouteObject : RouteObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.TlsRoute;

    private protected override RouteKind RouteKind => RouteKind.Tls;
}

/// <summary>A <c>TCPRoute</c>: all connections. Its rule has no matches and no filters.</summary>
public sealed record TcpRouteObject : RouteObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.TcpRoute;

    private protected override RouteKind RouteKind => RouteKind.Tcp;
}

/// <summary>One of <c>spec.parentRefs</c>, as it is written: null is what is not there.</summary>
public sealed record ParentReference
{
    /// <summary>The group; that of Gateway API where null.</summary>
    public string? Group { get; init; }

    /// <summary>The kind; <c>Gateway</c> where null.</summary>
    public string? Kind { get; init; }

    /// <summary>The namespace; the route's own where null.</summary>
    public string? Namespace { get; init; }

    /// <summary>The name.</summary>
    public required string Name { get; init; }

    /// <summary>The listener, or the port of a service by name; all where null.</summary>
    public string? SectionName { get; init; }

    /// <summary>The port; all where null.</summary>
    public ushort? Port { get; init; }

    /// <summary>Whether it is a Gateway.</summary>
    internal bool IsGateway => Group is null or ObjectKind.GatewayApiGroup && Kind is null or "Gateway";

    /// <summary>The Service or ServiceEntry that it is for a route in a namespace; null where it is neither.</summary>
    internal ObjectKey? Service(string own) => (Group, Kind) switch
    {
        ("", "Service") => new ObjectKey(ObjectKind.Service, Namespace ?? own, Name),
        (ObjectKind.NetworkingGroup, "ServiceEntry") => new ObjectKey(ObjectKind.ServiceEntry, Namespace ?? own, Name),
        _ => null,
    };
}

/// <summary>One of <c>spec.rules</c> of a route.</summary>
public sealed record RouteRule
{
    /// <summary>Its name; null for none.</summary>
    public string? Name { get; init; }

    /// <summary>What requests it is for: any of these.</summary>
    public ValueArray<HttpMatch> Matches { get; init; } = [];

    /// <summary>What is done with them.</summary>
    public ValueArray<RouteFilter> Filters { get; init; } = [];

    /// <summary>Where they go.</summary>
    public ValueArray<BackendReference> Backends { get; init; } = [];

    /// <summary><c>timeouts.request</c>; null for none.</summary>
    public TimeSpan? RequestTimeout { get; init; }

    /// <summary><c>timeouts.backendRequest</c>; null for none.</summary>
    public TimeSpan? BackendTimeout { get; init; }

    /// <summary><c>retry</c>; null where it says nothing.</summary>
    public RetryPolicy? Retry { get; init; }
}

/// <summary>A reference to what requests go to.</summary>
public sealed record BackendReference
{
    /// <summary>The group; empty for Kubernetes' own.</summary>
    public string Group { get; init; } = "";

    /// <summary>The kind.</summary>
    public string Kind { get; init; } = "Service";

    /// <summary>The namespace; the route's own where null.</summary>
    public string? Namespace { get; init; }

    /// <summary>The name; for a host the hostname.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is a host, whichever object it is of (Istio's <c>Hostname</c>).</summary>
    internal bool IsHost => Group is ObjectKind.NetworkingGroup && Kind is "Hostname";

    /// <summary>The port; null where it says none.</summary>
    public ushort? Port { get; init; }

    /// <summary>Its share of the requests.</summary>
    public int Weight { get; init; } = 1;

    /// <summary>What is done with requests that go there.</summary>
    public ValueArray<RouteFilter> Filters { get; init; } = [];
}

/// <summary>A filter as a route gives it.</summary>
public abstract record RouteFilter
{
    private RouteFilter()
    {
    }

    /// <summary>One that needs nothing else.</summary>
    public sealed record Complete(HttpFilter Filter) : RouteFilter;

    /// <summary>A copy of a share of the requests for somebody else.</summary>
    public sealed record Mirror(BackendReference Backend, int Numerator, int Denominator) : RouteFilter;

    /// <summary>A filter that is another object's (<c>ExtensionRef</c>).</summary>
    public sealed record Extension(string Group, string Kind, string Name) : RouteFilter;

    /// <summary>One of a type that is not supported.</summary>
    public sealed record Unsupported(string Type) : RouteFilter;
}
