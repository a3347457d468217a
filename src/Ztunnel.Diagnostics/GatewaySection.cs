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
        Listeners = [.. gateway.Listeners.Select(Describe)],
    };

    private static ListenerDump Describe(ServedListener listener)
    {
        bool terminates = listener is HttpListener { Tls: true } or StreamListener { Mode: StreamMode.Terminate };
        return new ListenerDump(
            listener.Name,
            listener.Port,
            terminates,
            listener.Hostname.ToString(),
            terminates ? listener.Certificates.ToDictionary(shown => shown.Secret, shown => shown.Expires, StringComparer.Ordinal) : null,
            listener is StreamListener streams ? Describe(streams) : Describe(((HttpListener)listener).Routes));
    }

    private static RouteDump[] Describe(StreamListener listener) =>
    [
        .. listener.Routes.Select(route => new RouteDump(
            route.Hostname.ToString(), $"connections ({listener.Mode})", route.Rule.Route.ToString(), Name(route.Rule), null, [.. route.Rule.Backends.Select(Describe)])),
    ];

    private static RouteDump[] Describe(HttpRouteTable table) =>
    [
        .. table.Matches.Select(way => new RouteDump(
            way.Hostname.ToString(),
            way.Match.ToString(),
            way.Rule.Route.ToString(),
            Name(way.Rule),
            way.Rule.Filters.Count == 0 ? null : [.. way.Rule.Filters.Select(filter => filter.GetType().Name)],
            [.. way.Rule.Backends.Select(Describe)])),
    ];

    private static string Name(HttpRule rule) => rule.Name ?? rule.Index.ToString(CultureInfo.InvariantCulture);

    private static BackendDump Describe(HttpBackend backend) =>
        new(backend.Service is null ? null : $"{backend.Service}:{backend.Port}", backend.Weight, backend.Fault);
}
