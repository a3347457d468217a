namespace Ztunnel.Mesh;

/// <summary>What names one Gateway API route.</summary>
public sealed record RouteName(RouteKind Kind, string Namespace, string Name)
{
    /// <summary>The form messages use: <c>HTTPRoute namespace/name</c>.</summary>
    public override string ToString()
    {
        string kind = Kind switch
        {
            RouteKind.Grpc => "GRPCRoute",
            RouteKind.Tls => "TLSRoute",
            RouteKind.Tcp => "TCPRoute",
            _ => "HTTPRoute",
        };
        return $"{kind} {Namespace}/{Name}";
    }
}

/// <summary>The kinds of routes.</summary>
public enum RouteKind
{
    /// <summary><c>HTTPRoute</c>.</summary>
    Http,

    /// <summary><c>GRPCRoute</c>.</summary>
    Grpc,

    /// <summary><c>TLSRoute</c>.</summary>
    Tls,

    /// <summary><c>TCPRoute</c>.</summary>
    Tcp,
}
