using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Makes the rules of routes into those of the model: backends are found, permitted and given their protocol, and what cannot
/// be used gets its fault. Whether references across namespaces need a grant depends on the parent: in the mesh they do not.
/// </summary>
internal sealed class RouteResolver(GatewayApiObjects objects, ReferenceGrants grants)
{
    private const string Service = "Service";
    private const string BackendNotFound = "BackendNotFound";
    private const string InvalidKind = "InvalidKind";
    private const string RefNotPermitted = "RefNotPermitted";
    private const string UnsupportedProtocol = "UnsupportedProtocol";

    public ResolvedRoute Resolve(RouteObject route, bool mesh)
    {
        var faults = new List<(string Reason, string Message)>();
        var unsupported = new SortedDictionary<int, string>();
        ImmutableArray<HttpRule> rules =
        [
            .. route.Rules.Select((rule, index) => new HttpRule
            {
                Route = route.Name,
                Created = route.Metadata.Created,
                Index = index,
                Name = rule.Name,
                Filters = Filters(route, rule.Filters, mesh, faults, type => unsupported[index] = type),
                Backends = [.. rule.Backends.Select(backend => Backend(route, backend, mesh, faults, type => unsupported[index] = type))],
                RequestTimeout = rule.RequestTimeout,
                BackendTimeout = rule.BackendTimeout,
                Retry = rule.Retry,
            }),
        ];
        return new ResolvedRoute(route, rules, faults.Count > 0 ? faults[0] : null, unsupported);
    }

    private ValueArray<HttpFilter> Filters(
        RouteObject route, ValueArray<RouteFilter> filters, bool mesh, List<(string Reason, string Message)> faults, Action<string> unsupported)
    {
        var resolved = new List<HttpFilter>();
        foreach (RouteFilter filter in filters)
        {
            switch (filter)
            {
                case RouteFilter.Complete complete:
                    resolved.Add(complete.Filter);
                    break;
                case RouteFilter.Mirror mirror:
                    // A copy for somebody who is not there is not made; the request itself goes on.
                    if (Backend(route, mirror.Backend, mesh, faults, unsupported) is { Fault: null } target)
                        resolved.Add(new HttpFilter.Mirror(target, mirror.Numerator, mirror.Denominator));
                    break;
                case RouteFilter.Extension extension:
                    string unknown = $"no filters of kind {(extension.Group.Length == 0 ? "" : $"{extension.Group}/")}{extension.Kind} are known ({extension.Name})";
                    faults.Add((InvalidKind, unknown));
                    resolved.Add(new HttpFilter.Unusable(unknown));
                    break;
                case RouteFilter.Unsupported { Type: var type }:
                    unsupported(type);
                    resolved.Add(new HttpFilter.Unusable($"filters of type {type} are not supported"));
                    break;
            }
        }

        return [.. resolved];
    }

    private HttpBackend Backend(
        RouteObject route, BackendReference reference, bool mesh, List<(string Reason, string Message)> faults, Action<string> unsupported)
    {
        ServiceName? name;
        ServicePort? port;
        (string Reason, string Message)? fault = reference.IsHost
            ? FaultOfHost(route, reference, out name, out port)
            : FaultOf(route, reference, name = new ServiceName(reference.Namespace ?? route.Metadata.Namespace, reference.Name), mesh, out port);
        if (fault is { } found)
            faults.Add(found);
        return new HttpBackend
        {
            Service = port is null ? null : name,
            Port = reference.Port ?? 0,
            Weight = reference.Weight,
            Fault = fault?.Message,
            Protocol = port is null ? BackendProtocol.Http1 : Protocols.Of(port, route is GrpcRouteObject),
            Filters = Filters(route, reference.Filters, mesh, faults, unsupported),
        };
    }

    private (string Reason, string Message)? FaultOf(
        RouteObject route, BackendReference reference, ServiceName name, bool mesh, out ServicePort? port)
    {
        port = null;
        if (reference.Group.Length > 0 || !string.Equals(reference.Kind, Service, StringComparison.Ordinal))
            return (InvalidKind, $"backends of kind {(reference.Group.Length == 0 ? "" : $"{reference.Group}/")}{reference.Kind} are not known ({reference.Name})");
        if (!mesh && !grants.Permit(route.Key, Service, name.Namespace, name.Name))
            return (RefNotPermitted, $"no ReferenceGrant in namespace {name.Namespace} lets {route.Key} refer to Service {name}");
        if (objects.Service(name) is not { } service)
            return (BackendNotFound, $"Service {name} does not exist");
        if (service.ExternalName)
            return (InvalidKind, $"Service {name} is of type ExternalName, which cannot be a backend");
        if (service.Ports.FirstOrDefault(candidate => candidate.Port == reference.Port && candidate.Protocol == TransportProtocol.Tcp) is not { } spec)
            return (BackendNotFound, $"Service {name} has no TCP port {reference.Port}");
        port = ObjectTranslation.Port(spec);
        return route.IsAboutRequests && Protocols.Of(port, route is GrpcRouteObject) == BackendProtocol.SecureWebSocket
            ? (UnsupportedProtocol, $"Service {name} port {port.Port} wants TLS (appProtocol {port.AppProtocol})")
            : null;
    }

    /// <summary>A host is known by name wherever it is from, and whoever has it says by its exportTo for whom: it needs no grant.</summary>
    private (string Reason, string Message)? FaultOfHost(RouteObject route, BackendReference reference, out ServiceName? name, out ServicePort? port)
    {
        (name, port) = (null, null);
        if (reference.Namespace is not null)
            return (InvalidKind, $"a Hostname has no namespace ({reference.Name})");
        if (objects.Host(reference.Name, route.Metadata.Namespace) is not { } service)
            return (BackendNotFound, $"no Service or ServiceEntry that namespace {route.Metadata.Namespace} knows of has the host {reference.Name}");
        name = service.Name;
        port = service.Ports.FirstOrDefault(candidate => candidate.Port == reference.Port);
        return port is null ? (BackendNotFound, $"host {reference.Name} has no TCP port {reference.Port}") : null;
    }
}

/// <summary>A route with everything it refers to.</summary>
/// <param name="Route">The route.</param>
/// <param name="Rules">Its rules in the model's form, in its own order.</param>
/// <param name="Fault">The first of its references that does not work, with Gateway API's reason; null when all do.</param>
/// <param name="Unsupported">The types of filters that are not supported, by the rule they are in.</param>
internal sealed record ResolvedRoute(
    RouteObject Route, ImmutableArray<HttpRule> Rules, (string Reason, string Message)? Fault, IReadOnlyDictionary<int, string> Unsupported)
{
    /// <summary>The ways into it for these hosts.</summary>
    public IEnumerable<HttpRouteMatch> Matches(IEnumerable<HostnamePattern> hostnames) =>
        from hostname in hostnames
        from rule in Rules
        from match in Route.Rules[rule.Index].Matches.Select((match, ordinal) => (match, ordinal))
        select new HttpRouteMatch(hostname, match.match, rule, match.ordinal);

    /// <summary>The ways into it for connections to these hosts.</summary>
    public IEnumerable<StreamRoute> Streams(IEnumerable<HostnamePattern> hostnames) =>
        from hostname in hostnames
        from rule in Rules
        select new StreamRoute(hostname, rule);

    /// <summary>The conditions it has with a parent, where <paramref name="refusal"/> is why the parent does not take it.</summary>
    public ValueArray<StatusCondition> Conditions((string Reason, string Message)? refusal)
    {
        if (refusal is null && Unsupported.Count > 0 && Unsupported.Count == Rules.Length)
            refusal = ("UnsupportedValue", $"filters of type {Unsupported.First().Value} are not supported");
        var conditions = new List<StatusCondition>
        {
            refusal is { } refused
                ? new StatusCondition("Accepted", false, refused.Reason, refused.Message)
                : new StatusCondition("Accepted", true, "Accepted", "Route was valid"),
            Fault is { } fault
                ? new StatusCondition("ResolvedRefs", false, fault.Reason, fault.Message)
                : new StatusCondition("ResolvedRefs", true, "ResolvedRefs", "All references resolved"),
        };
        if (refusal is null && Unsupported.Count > 0)
        {
            string rules = string.Join(", ", Unsupported.Select(rule => $"{rule.Key} (filter {rule.Value})"));
            conditions.Add(new StatusCondition("PartiallyInvalid", true, "UnsupportedValue", $"Dropped Rule(s) {rules}: what they are for is answered with 500"));
        }

        return [.. conditions];
    }
}
