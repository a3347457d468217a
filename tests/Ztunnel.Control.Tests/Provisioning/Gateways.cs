using System.Text.Json.Nodes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control.Tests;

/// <summary>Gateways and what is planned for them.</summary>
internal static class Gateways
{
    public static readonly ProvisioningOptions Options = new() { Image = "ztunnel:test" };

    public static GatewayObject Ingress(params (string Name, ushort Port, string Protocol)[] listeners) => Of("istio", listeners);

    public static GatewayObject Waypoint() => Of("istio-waypoint", ("mesh", 15008, "HBONE"));

    public static GatewayObject Of(string @class, params (string Name, ushort Port, string Protocol)[] listeners) => new()
    {
        Metadata = new ObjectMetadata { Name = "gw", Namespace = "shop", Uid = "u-1", Generation = 3 },
        ClassName = @class,
        Listeners = [.. listeners.Select(listener => new GatewayListener { Name = listener.Name, Port = listener.Port, Protocol = listener.Protocol })],
    };

    public static GatewayObject Annotated(this GatewayObject gateway, string key, string value) =>
        gateway with { Metadata = gateway.Metadata with { Annotations = Map(gateway.Metadata.Annotations, key, value) } };

    public static GatewayObject Labelled(this GatewayObject gateway, string key, string value) =>
        gateway with { Metadata = gateway.Metadata with { Labels = Map(gateway.Metadata.Labels, key, value) } };

    public static GatewayPlan Plan(this GatewayObject gateway) => GatewayPlanner.Plan(new GatewayInputs { Gateway = gateway }, Options);

    /// <summary>The body of the one object of a kind that is made for a Gateway; null where there is none.</summary>
    public static JsonObject? Made(this GatewayPlan plan, string kind) =>
        Assert.IsType<GatewayPlan.Managed>(plan).Objects.SingleOrDefault(made => made.Resource.Kind == kind)?.Body;

    public static StringMap Map(params (string Key, string Value)[] entries) => new(entries.Select(entry => KeyValuePair.Create(entry.Key, entry.Value)));

    /// <summary>What stands at a path such as <c>spec.ports[1].name</c>, as JSON; "absent" for nothing.</summary>
    public static string At(this JsonNode? node, string path)
    {
        foreach (string step in path.Replace("[", ".[", StringComparison.Ordinal).Split('.', StringSplitOptions.RemoveEmptyEntries))
            node = step[0] == '[' ? (node as JsonArray)?[int.Parse(step[1..^1], null)] : (node as JsonObject)?[step.Replace('~', '.')];
        return node is null ? "absent" : node.ToJsonString(new System.Text.Json.JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    private static StringMap Map(StringMap map, string key, string value) =>
        new(map.Entries.Where(entry => entry.Key != key).Append(KeyValuePair.Create(key, value)));
}
