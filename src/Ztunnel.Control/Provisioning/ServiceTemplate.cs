using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>The Service of a Gateway: a port for each of its listeners' ports.</summary>
internal static class ServiceTemplate
{
    public const string LoadBalancer = "LoadBalancer";
    public const string ClusterIp = "ClusterIP";
    public const string NodePort = "NodePort";

    private const int StatusPort = 15021;
    private const int MaxPortName = 63;

    public static MadeObject Make(GatewayShape shape)
    {
        var spec = new JsonObject
        {
            ["type"] = shape.ServiceType,
            ["ipFamilyPolicy"] = "PreferDualStack",
            ["selector"] = shape.Selector,
            ["ports"] = Ports(shape.Gateway),
        };
        if (shape.ServiceType == LoadBalancer && RequestedIp(shape.Gateway) is { } address)
            spec["loadBalancerIP"] = address;
        // A waypoint near the client saves a way across zones.
        KeyValuePair<string, string>[] annotations = shape.Waypoint ? [new("networking.istio.io/traffic-distribution", "PreferClose")] : [];
        return new MadeObject(ApiResource.Services, shape.Namespace, shape.Name, new JsonObject
        {
            ["apiVersion"] = ApiResource.Services.ApiVersion,
            ["kind"] = ApiResource.Services.Kind,
            ["metadata"] = shape.Metadata(shape.Name, annotations),
            ["spec"] = spec,
        });
    }

    private static string? RequestedIp(GatewayObject gateway) =>
        gateway.RequestedAddresses.FirstOrDefault(address => address is { Type: GatewayAddress.IPAddress, Value.Length: > 0 })?.Value;

    private static JsonArray Ports(GatewayObject gateway)
    {
        var ports = new JsonArray(Port("status-port", StatusPort, "tcp"));
        var numbers = new HashSet<int> { StatusPort };
        var names = new HashSet<string>(StringComparer.Ordinal) { "status-port" };
        foreach (GatewayListener listener in gateway.Listeners.Where(listener => listener.Protocol != "UDP" && numbers.Add(listener.Port)))
        {
            string name = NameOf(listener.Name, "");
            if (!names.Add(name))
                names.Add(name = NameOf(listener.Name, $"-{listener.Port}"));
            ports.Add((JsonNode)Port(name, listener.Port, listener.Protocol.ToLowerInvariant()));
        }

        return ports;
    }

    /// <summary>A listener's name, which may have dots and be long, as a port may be called.</summary>
    private static string NameOf(string listener, string suffix)
    {
        string name = listener.Replace('.', '-');
        int room = MaxPortName - suffix.Length;
        return (name.Length <= room ? name : name[..room].TrimEnd('-')) + suffix;
    }

    private static JsonObject Port(string name, int number, string protocol) =>
        new() { ["name"] = name, ["port"] = number, ["protocol"] = "TCP", ["appProtocol"] = protocol };
}
