using System.Globalization;
using Ztunnel.Mesh;

namespace Ztunnel.Diagnostics;

/// <summary>What gateways and services route, in the shape of the dump.</summary>
internal static class GatewaySection
{
    public static IReadOnlyList<GatewayDump> Gateways(MeshState mesh) =>
        [.. mesh.HttpGateways.OrderBy(gateway => gateway.Name, GatewayName.Order).Select(Describe)];

    public static IReadOnlyList<ServiceRoutesDump> ServiceRoutes(MeshState mesh) =>
    [
        .. mesh.ServiceRoutes
            .OrderBy(routes => routes.Service.ToString(), StringComparer.Ordinal)
            .SelectMany(routes => routes.Groups.Select(group => Describe(routes.Service, group))),
    ];

    private static ServiceRoutesDump Describe(ServiceName service, ServiceRouteGroup group)
    {
        bool ofProducer = string.Equals(group.Namespace, service.Namespace, StringComparison.Ordinal);
        return new ServiceRoutesDump(service.ToString(), group.Port, ofProducer ? null : group.Namespace, Describe(group.Routes));
    }

    private static GatewayDump Describe(HttpGateway gateway) => new()
    {
        Name = gateway.Name.ToString(),
        Waypoint = gateway.Waypoint,
        Services = gateway.Services.Count == 0 ? null : [.. gateway.Services.Select(service => service.ToString())],
        Listeners =
        [
            .. gateway.Listeners.Select(listener => new ListenerDump(
                listener.Name,
                listener.Port,
                listener.Tls,
                listener.Hostname.ToString(),
                listener.Tls ? listener.Certificates.ToDictionary(shown => shown.Secret, shown => shown.Expires, StringComparer.Ordinal) : null,
                Describe(listener.Routes))),
        ],
    };

    private static RouteDump[] Describe(HttpRouteTable table) =>
    [
        .. table.Matches.Select(way => new RouteDump(
            way.Hostname.ToString(),
            way.Match.ToString(),
            way.Rule.Route.ToString(),
            way.Rule.Name ?? way.Rule.Index.ToString(CultureInfo.InvariantCulture),
            way.Rule.Filters.Count == 0 ? null : [.. way.Rule.Filters.Select(filter => filter.GetType().Name)],
            [.. way.Rule.Backends.Select(Describe)])),
    ];

    private static BackendDump Describe(HttpBackend backend) =>
        new(backend.Service is null ? null : $"{backend.Service}:{backend.Port}", backend.Weight, backend.Fault);
}
