using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What a route refers to, found once each time it changes.</summary>
internal sealed record RouteReferences
{
    /// <summary>The Gateways it names as parents.</summary>
    public required IReadOnlySet<GatewayName> Gateways { get; init; }

    /// <summary>The Services and ServiceEntries it names as parents.</summary>
    public required IReadOnlySet<ObjectKey> Services { get; init; }

    /// <summary>The services it sends requests to.</summary>
    public required IReadOnlySet<ServiceName> Backends { get; init; }

    /// <summary>The hosts it sends requests to.</summary>
    public required IReadOnlySet<string> Hosts { get; init; }

    public static RouteReferences Of(RouteObject route)
    {
        string own = route.Metadata.Namespace;
        BackendReference[] backends =
        [
            .. route.Rules.SelectMany(rule => rule.Backends
                .Concat(rule.Filters.Concat(rule.Backends.SelectMany(backend => backend.Filters)).OfType<RouteFilter.Mirror>().Select(mirror => mirror.Backend))),
        ];
        return new RouteReferences
        {
            Gateways = route.Parents.Where(parent => parent.IsGateway).Select(parent => new GatewayName(parent.Namespace ?? own, parent.Name)).ToHashSet(),
            Services = route.Parents.Select(parent => parent.Service(own)).OfType<ObjectKey>().ToHashSet(),
            Hosts = backends.Where(backend => backend.IsHost).Select(backend => backend.Name).ToHashSet(StringComparer.OrdinalIgnoreCase),
            Backends = backends.Where(backend => !backend.IsHost).Select(backend => new ServiceName(backend.Namespace ?? own, backend.Name)).ToHashSet(),
        };
    }
}
