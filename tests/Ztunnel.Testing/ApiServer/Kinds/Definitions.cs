using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>
/// CustomResourceDefinitions: while one is there its kind is served. A kind of <see cref="CustomKinds"/> then keeps the rules that stand
/// there; of any other only what the definition's names, versions, subresources and columns say holds. Of a schema what it drops holds.
/// </summary>
internal sealed class Definitions(Store store, KindTable kinds)
{
    /// <summary>The definition of a kind that is known here.</summary>
    public static JsonObject Of(ResourceKind kind, string gatewayApiVersion)
    {
        JsonObject metadata = new() { ["name"] = kind.Resource };
        if (kind.Group == CustomKinds.GatewayGroup)
        {
            metadata["annotations"] = new JsonObject
            {
                ["gateway.networking.k8s.io/bundle-version"] = gatewayApiVersion,
                ["gateway.networking.k8s.io/channel"] = "experimental",
            };
        }

        return new JsonObject
        {
            ["apiVersion"] = "apiextensions.k8s.io/v1",
            ["kind"] = "CustomResourceDefinition",
            ["metadata"] = metadata,
            ["spec"] = new JsonObject
            {
                ["group"] = kind.Group,
                ["names"] = NamesOf(kind),
                ["scope"] = kind.Namespaced ? "Namespaced" : "Cluster",
                ["versions"] = new JsonArray([.. kind.Versions.Select((version, index) => new JsonObject
                {
                    ["name"] = version,
                    ["served"] = true,
                    ["storage"] = index == 0,
                    ["schema"] = new JsonObject
                    {
                        ["openAPIV3Schema"] = new JsonObject { ["type"] = "object", ["x-kubernetes-preserve-unknown-fields"] = true },
                    },
                    ["subresources"] = kind.HasStatus ? new JsonObject { ["status"] = new JsonObject() } : null,
                })]),
            },
        };
    }

    /// <summary>Says of a new definition that it is in force.</summary>
    public static void Establish(JsonObject definition, DateTimeOffset now)
    {
        string time = Metadata.Text(now);
        JsonNode? spec = definition["spec"];
        definition["status"] = new JsonObject
        {
            ["acceptedNames"] = spec?["names"]?.DeepClone(),
            ["storedVersions"] = new JsonArray([.. Versions(spec).Where(version => version["storage"] is JsonValue storage && (bool)storage)
                .Select(version => version["name"]?.DeepClone())]),
            ["conditions"] = new JsonArray(
                Condition("NamesAccepted", "NoConflicts", "no conflicts found", time),
                Condition("Established", "InitialNamesAccepted", "the initial names have been accepted", time)),
        };
    }

    /// <summary>Serves, or no longer serves, the kind of a definition.</summary>
    public void Take(StoredObject definition, bool deleted)
    {
        ResourceKind kind = KindOf(definition.ToJson());
        if (!deleted)
        {
            kinds.Add([kind]);
            return;
        }

        kinds.Remove(kind);
        Collection gone = store.Of(kind);
        foreach (StoredObject value in gone.Objects)
            store.Remove(value);
        foreach (Watcher watcher in gone.AllWatchers())
            watcher.End();
    }

    private static ResourceKind KindOf(JsonObject definition)
    {
        JsonNode? spec = definition["spec"], names = spec?["names"];
        string group = (string?)spec?["group"] ?? "", plural = (string?)names?["plural"] ?? "";
        JsonObject[] served = [.. Versions(spec).Where(version => version["served"] is not JsonValue told || (bool)told)];
        JsonObject? kept = served.FirstOrDefault(version => version["storage"] is JsonValue storage && (bool)storage);
        ResourceKind? known = CustomKinds.OfGatewayApi.Concat(CustomKinds.OfIstio)
            .FirstOrDefault(kind => kind.Group == group && kind.Plural == plural);
        string[] versions = [.. served.OrderByDescending(version => version == kept).Select(version => (string?)version["name"] ?? "")];
        var schema = kept?["schema"]?["openAPIV3Schema"] as JsonObject;
        if (known is not null)
            return known with { Versions = [.. versions], Schema = known.Schema with { Structure = schema } };
        return new ResourceKind
        {
            Schema = new Schema { Structure = schema },
            Group = group,
            Versions = [.. versions],
            Plural = plural,
            Kind = (string?)names?["kind"] ?? "",
            ShortNames = [.. Texts(names?["shortNames"])],
            Categories = [.. Texts(names?["categories"])],
            Namespaced = (string?)spec?["scope"] != "Cluster",
            Custom = true,
            HasStatus = kept?["subresources"]?["status"] is not null,
            HasGeneration = true,
            Columns = ColumnsOf(kept),
        };
    }

    private static string ColumnsOf(JsonObject? version)
    {
        if (version?["additionalPrinterColumns"] is not JsonArray columns)
            return "Age";
        return string.Join(';', columns.Select(column => (string?)column?["jsonPath"] == ".metadata.creationTimestamp"
            ? "Age"
            : $"{((long?)column?["priority"] > 0 ? "+" : "")}{column?["name"]}={((string?)column?["jsonPath"])?.TrimStart('.')}"));
    }

    private static JsonObject NamesOf(ResourceKind kind) => new()
    {
        ["plural"] = kind.Plural,
        ["singular"] = kind.Singular,
        ["kind"] = kind.Kind,
        ["listKind"] = kind.Kind + "List",
        ["shortNames"] = new JsonArray([.. kind.ShortNames.Select(name => (JsonNode)name)]),
        ["categories"] = new JsonArray([.. kind.Categories.Select(name => (JsonNode)name)]),
    };

    private static IEnumerable<JsonObject> Versions(JsonNode? spec) => (spec?["versions"] as JsonArray ?? []).OfType<JsonObject>();

    private static IEnumerable<string> Texts(JsonNode? list) => (list as JsonArray ?? []).Select(item => (string?)item ?? "");

    private static JsonObject Condition(string type, string reason, string message, string time) => new()
    {
        ["type"] = type,
        ["status"] = "True",
        ["reason"] = reason,
        ["message"] = message,
        ["lastTransitionTime"] = time,
    };
}
