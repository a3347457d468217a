using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ztunnel.Mesh;

namespace Ztunnel.Control;

/// <summary>An object that may have been made for a Gateway, as much of it as tells whether it is still as it was made.</summary>
/// <param name="Uid">Its <c>metadata.uid</c>.</param>
/// <param name="Managed">Its label <c>gateway.istio.io/managed</c>; null for none, so that it is somebody else's.</param>
/// <param name="Gateway">Its label <c>gateway.networking.k8s.io/gateway-name</c>; null for none.</param>
/// <param name="GatewayNamespace">Its label <c>ztunnel.io/gateway-namespace</c>: that Gateway's namespace; null where it is its own.</param>
/// <param name="OwnerUid">The uid of the Gateway among its owners; null for none.</param>
/// <param name="ServesGateways">Whether its label <c>ztunnel.io/gateway</c> says that it is there for Gateways.</param>
/// <param name="Version">Its <c>metadata.resourceVersion</c>.</param>
/// <param name="ChangedBy">The field manager, other than ours, that changed it last; null for none.</param>
/// <param name="Print">A digest of everything that is not its status and does not change by itself.</param>
internal sealed record LiveObject(
    string Uid, string? Managed, string? Gateway, string? GatewayNamespace, string? OwnerUid, bool ServesGateways, string Version, string? ChangedBy, string Print)
{
    /// <summary>Of those in another namespace than the Gateway's, its label <c>istio.io/rev</c>: which revision of the controller made it.</summary>
    public string? Revision { get; init; }

    /// <summary>Of a Role the names that its rules are limited to.</summary>
    public ValueArray<string> RuleNames { get; init; } = [];

    private static readonly HashSet<string> Volatile = new(StringComparer.Ordinal) { "resourceVersion", "managedFields", "generation" };

    /// <summary>One as it is watched.</summary>
    public static LiveObject Of(JsonElement @object) => Of(JsonNode.Parse(@object.GetRawText())!);

    /// <summary>One as it was read or written.</summary>
    public static LiveObject Of(JsonNode @object)
    {
        JsonNode? metadata = @object["metadata"];
        return new LiveObject(
            Text(metadata?["uid"]) ?? "",
            Text(metadata?["labels"]?[GatewayLabels.Managed]),
            Text(metadata?["labels"]?[GatewayLabels.Name]) is { Length: > 0 } gateway ? gateway : null,
            Text(metadata?["labels"]?[GatewayLabels.Namespace]) is { Length: > 0 } @namespace ? @namespace : null,
            (metadata?["ownerReferences"] as JsonArray)?.Where(owner => Text(owner?["kind"]) == "Gateway").Select(owner => Text(owner?["uid"])).FirstOrDefault(),
            Text(metadata?["labels"]?[GatewayLabels.ServesGateways]) == "true",
            Text(metadata?["resourceVersion"]) ?? "",
            ChangerOf(metadata?["managedFields"] as JsonArray),
            PrintOf(@object.AsObject()))
        {
            Revision = Text(metadata?["labels"]?[GatewayLabels.Revision]),
            RuleNames = [.. (@object["rules"] as JsonArray ?? []).SelectMany(rule => rule?["resourceNames"] as JsonArray ?? []).Select(Text).OfType<string>()],
        };
    }

    private static string? ChangerOf(JsonArray? managers) => (managers ?? [])
        .Where(entry => Text(entry?["subresource"]) is null or "" && Text(entry?["manager"]) is not (null or GatewayObjects.FieldManager))
        .OrderBy(entry => Text(entry!["time"]), StringComparer.Ordinal)
        .Select(entry => Text(entry!["manager"]))
        .LastOrDefault();

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static string PrintOf(JsonObject @object)
    {
        var kept = new JsonObject();
        foreach ((string field, JsonNode? value) in @object.Where(field => field.Key != "status"))
        {
            if (field == "metadata" && value is JsonObject metadata)
                kept[field] = new JsonObject(metadata.Where(entry => !Volatile.Contains(entry.Key)).Select(entry => KeyValuePair.Create(entry.Key, entry.Value?.DeepClone())));
            else
                kept[field] = value?.DeepClone();
        }

        var text = new StringBuilder();
        Write(kept, text);
        return Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }

    /// <summary>Writes JSON with the names of its objects in order, which a server may choose as it likes.</summary>
    private static void Write(JsonNode? node, StringBuilder text)
    {
        switch (node)
        {
            case JsonObject mapping:
                text.Append('{');
                foreach ((string name, JsonNode? value) in mapping.OrderBy(field => field.Key, StringComparer.Ordinal))
                {
                    text.Append(name).Append(':');
                    Write(value, text);
                    text.Append(',');
                }

                text.Append('}');
                break;
            case JsonArray list:
                text.Append('[');
                foreach (JsonNode? item in list)
                {
                    Write(item, text);
                    text.Append(',');
                }

                text.Append(']');
                break;
            default:
                text.Append(node?.ToJsonString() ?? "null");
                break;
        }
    }
}
