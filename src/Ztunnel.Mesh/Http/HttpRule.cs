namespace Ztunnel.Mesh;

/// <summary>One rule of a route: what is done with requests it is chosen for. Immutable, compared by content.</summary>
public sealed record HttpRule
{
    /// <summary>The route it is of.</summary>
    public required RouteName Route { get; init; }

    /// <summary>When the route was created, where that is known: of two that fit equally well the older has the request.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>Which rule of its route it is, from 0.</summary>
    public int Index { get; init; }

    /// <summary>Its name; null for none.</summary>
    public string? Name { get; init; }

    /// <summary>Whether it is about gRPC, whose backends speak HTTP/2.</summary>
    public bool Grpc => Route.Kind == RouteKind.Grpc;

    /// <summary>What is done on the way.</summary>
    public ValueArray<HttpFilter> Filters { get; init; } = [];

    /// <summary>Where the requests go. None, and no redirect, means that they are answered with 500.</summary>
    public ValueArray<HttpBackend> Backends { get; init; } = [];

    /// <summary>How long a request may take with all its tries; null for as long as it likes.</summary>
    public TimeSpan? RequestTimeout { get; init; }

    /// <summary>How long each try may take; null for as long as it likes.</summary>
    public TimeSpan? BackendTimeout { get; init; }

    /// <summary>When a request is tried again; null for the default.</summary>
    public RetryPolicy? Retry { get; init; }

    /// <summary>Where one request goes. Null when no backend has weight.</summary>
    /// <param name="draw">A random number from 0 to 1, without 1.</param>
    public HttpBackend? Choose(double draw)
    {
        long total = 0;
        foreach (HttpBackend backend in Backends.AsSpan())
            total += backend.Weight;
        double left = draw * total;
        foreach (HttpBackend backend in Backends.AsSpan())
        {
            left -= backend.Weight;
            if (left < 0)
                return backend;
        }

        return null;
    }
}
