using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>What a cluster puts into a namespace when it is made.</summary>
internal static class NamespaceLife
{
    /// <summary>The label every namespace carries its name in.</summary>
    private const string NameLabel = "kubernetes.io/metadata.name";

    /// <summary>Completes a new namespace.</summary>
    public static void Begin(JsonObject value)
    {
        JsonObject metadata = Metadata.Of(value);
        if (metadata["labels"] is not JsonObject labels)
            metadata["labels"] = labels = [];
        labels[NameLabel] = (string?)metadata["name"];
        if (value["spec"] is not JsonObject spec)
            value["spec"] = spec = [];
        spec["finalizers"] = new JsonArray("kubernetes");
        value["status"] = new JsonObject { ["phase"] = "Active" };
    }

    /// <summary>Makes the service account that pods run as when they name none.</summary>
    public static void Furnish(string name, Creation creation) => creation.Create(
        CoreKinds.ServiceAccounts,
        name,
        new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ServiceAccount", ["metadata"] = new JsonObject { ["name"] = "default" } },
        WriteContext.SetUp);
}
