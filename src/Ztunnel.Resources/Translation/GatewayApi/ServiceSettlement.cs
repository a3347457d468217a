using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The routes that have one Service or ServiceEntry as their parent, judged (GEP-1294, GEP-1324). Pure.</summary>
internal sealed record ServiceSettlement
{
    /// <summary>What holds for whose requests.</summary>
    public ValueArray<ServiceRouteGroup> Groups { get; private init; } = [];

    /// <summary>What becomes of each route at each parent reference that names the service.</summary>
    public ImmutableArray<(RouteName Route, int Index, ValueArray<StatusCondition> Conditions)> Parents { get; private init; } = [];

    /// <summary>Judges them; <paramref name="service"/> is null where there is none of that name.</summary>
    public static ServiceSettlement Of(ObjectKey name, ServiceParent? service, IEnumerable<(RouteObject Route, int Index)> parents, Func<RouteObject, ResolvedRoute> resolve)
    {
        Binding[] bindings = [.. parents.Select(parent => new Binding(resolve(parent.Route), parent.Index, Ports(service, parent.Route, parent.Index)))];
        Binding[] all = bindings;
        bindings = [.. bindings.Select(binding => binding.Yield(all))];
        IEnumerable<ServiceRouteGroup> groups = bindings
            .SelectMany(binding => binding.Ports.Select(port => (Port: port, binding.Resolved)))
            .GroupBy(bound => (bound.Port, bound.Resolved.Route.Metadata.Namespace))
            .OrderBy(group => group.Key.Port)
            .ThenBy(group => group.Key.Namespace, StringComparer.Ordinal)
            .Select(group => new ServiceRouteGroup(
                group.Key.Port, group.Key.Namespace, new HttpRouteTable(group.SelectMany(bound => bound.Resolved.Matches([default])))));
        return new ServiceSettlement
        {
            Groups = [.. groups],
            Parents = [.. bindings.Select(binding => (binding.Resolved.Route.Name, binding.Index, binding.Resolved.Conditions(Refusal(name, service, binding))))],
        };
    }

    private static ImmutableArray<ushort> Ports(ServiceParent? service, RouteObject route, int index)
    {
        if (service is null or { ExternalName: true } || !route.IsAboutRequests)
            return [];
        ParentReference parent = route.Parents[index];
        return
        [
            .. service.Ports
                .Where(port => port.Protocol == TransportProtocol.Tcp
                    && (parent.Port is null || parent.Port == port.Port)
                    && (parent.SectionName is null || string.Equals(parent.SectionName, port.Name, StringComparison.Ordinal)))
                .Select(port => port.Port),
        ];
    }

    private static (string Reason, string Message)? Refusal(ObjectKey name, ServiceParent? service, Binding binding)
    {
        const string NoMatchingParent = "NoMatchingParent";
        if (service is null)
            return (NoMatchingParent, $"{name} does not exist");
        if (service.ExternalName)
            return (NoMatchingParent, $"{name} is of type ExternalName, to which nothing can attach");
        if (!binding.Resolved.Route.IsAboutRequests)
            return ("UnsupportedValue", $"a {binding.Resolved.Route.Kind.Name} may be attached to Gateways only");
        if (binding.Yielded)
            return ("Conflicted", "a GRPCRoute is attached to the same ports, and goes before");
        return binding.Ports.IsEmpty ? (NoMatchingParent, $"{name} has no such TCP port") : null;
    }

    /// <summary>A route on ports of the service.</summary>
    private sealed record Binding(ResolvedRoute Resolved, int Index, ImmutableArray<ushort> Ports)
    {
        /// <summary>Whether it gave up every port.</summary>
        public bool Yielded { get; private init; }

        /// <summary>Leaves to GRPCRoutes of its namespace the ports they are on.</summary>
        public Binding Yield(Binding[] all)
        {
            if (Resolved.Route is GrpcRouteObject)
                return this;
            ImmutableArray<ushort> rest = Ports.RemoveAll(port => all.Any(other =>
                other.Resolved.Route is GrpcRouteObject
                && string.Equals(other.Resolved.Route.Metadata.Namespace, Resolved.Route.Metadata.Namespace, StringComparison.Ordinal)
                && other.Ports.Contains(port)));
            return this with { Ports = rest, Yielded = rest.IsEmpty && !Ports.IsEmpty };
        }
    }
}

/// <summary>What routes about services attach to.</summary>
/// <param name="Names">The services it is: a ServiceEntry's hosts are several.</param>
/// <param name="Ports">Its ports.</param>
/// <param name="ExternalName">Whether it is a name in DNS and nothing else.</param>
internal sealed record ServiceParent(ImmutableArray<ServiceName> Names, ValueArray<ServicePortSpec> Ports, bool ExternalName);
