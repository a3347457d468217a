namespace Ztunnel.Mesh;

/// <summary>The routes that have a service as their parent (Gateway API for mesh, GEP-1294). Immutable, compared by content.</summary>
public sealed record ServiceRoutes
{
    /// <summary>The service.</summary>
    public required ServiceName Service { get; init; }

    /// <summary>Which routes hold on which port for whom.</summary>
    public ValueArray<ServiceRouteGroup> Groups { get; init; } = [];

    /// <summary>
    /// The routes for a client's requests to a port: those of the client's own namespace where it has any, and else those of
    /// the service's. Null where there are none.
    /// </summary>
    public HttpRouteTable? For(ushort port, string clientNamespace)
    {
        HttpRouteTable? producer = null;
        foreach (ServiceRouteGroup group in Groups.AsSpan())
        {
            if (group.Port != port)
                continue;
            if (string.Equals(group.Namespace, clientNamespace, StringComparison.Ordinal))
                return group.Routes;
            if (string.Equals(group.Namespace, Service.Namespace, StringComparison.Ordinal))
                producer = group.Routes;
        }

        return producer;
    }
}

/// <summary>The routes of one namespace on one port of a service.</summary>
/// <param name="Port">The port.</param>
/// <param name="Namespace">The routes' namespace: the service's for routes that hold for everybody, else the one whose clients they hold for.</param>
/// <param name="Routes">The routes.</param>
public sealed record ServiceRouteGroup(ushort Port, string Namespace, HttpRouteTable Routes);
