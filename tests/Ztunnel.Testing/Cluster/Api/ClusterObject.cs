using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>An object as the API server told it. Not changed by anybody; <see cref="JsonNode.DeepClone"/> what goes elsewhere.</summary>
public sealed record ClusterObject(JsonObject Json)
{
    public JsonObject Metadata => Json["metadata"]!.AsObject();

    public JsonNode? Spec => Json["spec"];

    public JsonNode? Status => Json["status"];

    public string Name => Text(Metadata["name"]);

    public string Namespace => Text(Metadata["namespace"]);

    /// <summary>Namespace and name.</summary>
    internal string Key => $"{Namespace}/{Name}";

    public string Uid => Text(Metadata["uid"]);

    public long Version => long.Parse(Text(Metadata["resourceVersion"]), CultureInfo.InvariantCulture);

    public long Generation => Metadata["generation"]?.GetValue<long>() ?? 0;

    /// <summary>Whether it is being deleted.</summary>
    public bool Leaving => Metadata["deletionTimestamp"] is not null;

    public ImmutableDictionary<string, string> Labels => Map(Metadata["labels"]);

    /// <summary>The owner that made it, or null.</summary>
    public string? Controller => (Metadata["ownerReferences"] as JsonArray)?
        .FirstOrDefault(owner => owner?["controller"]?.GetValue<bool>() == true)?["uid"]?.GetValue<string>();

    public string Phase => Text(Status?["phase"]);

    /// <summary>Whether the condition of that type is true.</summary>
    public bool Has(string condition) => (Status?["conditions"] as JsonArray)?
        .Any(each => Text(each?["type"]) == condition && Text(each?["status"]) == "True") == true;

    /// <summary>An <c>ownerReferences</c> that names this one.</summary>
    public JsonArray AsOwner(ClusterKind kind) => [new JsonObject
    {
        ["apiVersion"] = kind.ApiVersion,
        ["kind"] = kind.Kind,
        ["name"] = Name,
        ["uid"] = Uid,
        ["controller"] = true,
        ["blockOwnerDeletion"] = true,
    }];

    public static string Text(JsonNode? node) => node is JsonValue value ? value.ToString() : "";

    public static ImmutableDictionary<string, string> Map(JsonNode? node) => node is JsonObject map
        ? map.ToImmutableDictionary(entry => entry.Key, entry => Text(entry.Value), StringComparer.Ordinal)
        : ImmutableDictionary<string, string>.Empty;

    /// <summary>Whether labels are as a selector's <c>matchLabels</c> says; the stand-ins need no more of selectors.</summary>
    public static bool Matches(JsonNode? selector, ImmutableDictionary<string, string> labels) =>
        selector is JsonObject { Count: > 0 } wanted && wanted.All(entry => labels.TryGetValue(entry.Key, out string? value) && value == Text(entry.Value));

    public override string ToString() => Namespace.Length == 0 ? Name : $"{Namespace}/{Name}";
}
