namespace Ztunnel.Mesh;

/// <summary>What names one Gateway API route.</summary>
public sealed record RouteName(RouteKind Kind, string Namespace, string Name)
{
    /// <summary>The form messages use: <c>HTTPRoute namespace/name</c>.</summary>
    public override string ToString() => $"{(Kind == RouteKind.Grpc ? "GRPCRoute" : "HTTPRoute")} {Namespace}/{Name}";
}

/// <summary>The kinds of routes that are about requests.</summary>
public enum RouteKind
{
    /// <summary><c>HTTPRoute</c>.</summary>
    Http,

    /// <summary><c>GRPCRoute</c>.</summary>
    Grpc,
}
