namespace Ztunnel.Diagnostics;

/// <summary>A Gateway as its pods serve it, in <see cref="ConfigDump.Gateways"/>.</summary>
public sealed record GatewayDump
{
    /// <summary>The Gateway, <c>namespace/name</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is a waypoint.</summary>
    public required bool Waypoint { get; init; }

    /// <summary>The services whose pods serve it; absent where the pods labelled with its name do.</summary>
    public IReadOnlyList<string>? Services { get; init; }

    /// <summary>The listeners that are served.</summary>
    public required IReadOnlyList<ListenerDump> Listeners { get; init; }
}

/// <summary>A listener that is served.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Port">Its port.</param>
/// <param name="Tls">Whether it terminates TLS.</param>
/// <param name="Hostname">The hosts it is for.</param>
/// <param name="Certificates">What it shows clients, by Secret, with when that ends to be valid.</param>
/// <param name="Routes">Its routes, the first that fits has the request.</param>
public sealed record ListenerDump(
    string Name, int Port, bool Tls, string Hostname, IReadOnlyDictionary<string, DateTimeOffset>? Certificates, IReadOnlyList<RouteDump> Routes);

/// <summary>One way into a rule of a route.</summary>
/// <param name="Hostname">The hosts it is for.</param>
/// <param name="Match">What requests it is for.</param>
/// <param name="Route">The route.</param>
/// <param name="Rule">Which of its rules, by name or from 0.</param>
/// <param name="Filters">The types of what is done on the way.</param>
/// <param name="Backends">Where requests go.</param>
public sealed record RouteDump(
    string Hostname, string Match, string Route, string Rule, IReadOnlyList<string>? Filters, IReadOnlyList<BackendDump> Backends);

/// <summary>Where a share of requests goes.</summary>
/// <param name="Service">The service, <c>namespace/name:port</c>; absent where there is none.</param>
/// <param name="Weight">Its share.</param>
/// <param name="Fault">Why its share is answered with 500; absent where it is not.</param>
public sealed record BackendDump(string? Service, int Weight, string? Fault);

/// <summary>The routes that requests to a service's port go by, in <see cref="ConfigDump.ServiceRoutes"/>.</summary>
/// <param name="Service">The service, <c>namespace/name</c>.</param>
/// <param name="Port">The port.</param>
/// <param name="ClientNamespace">The namespace whose clients they hold for; absent where they hold for all that have none of their own.</param>
/// <param name="Routes">The routes, the first that fits has the request.</param>
public sealed record ServiceRoutesDump(string Service, int Port, string? ClientNamespace, IReadOnlyList<RouteDump> Routes);
