using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>What the controllers of pods have in common.</summary>
internal static class PodTemplate
{
    private const string Letters = "bcdfghjklmnpqrstvwxz2456789";

    /// <summary>A short name for what a template says: another for another.</summary>
    public static string HashOf(JsonNode template) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(template.ToJsonString())))[..10];

    /// <summary>A pod of the template, owned by <paramref name="owner"/>.</summary>
    public static JsonObject NewPod(JsonNode template, ClusterKind kind, ClusterObject owner, string? hash = null)
    {
        JsonObject pod = template.DeepClone().AsObject();
        JsonObject metadata = pod["metadata"] as JsonObject ?? [];
        pod["apiVersion"] = "v1";
        pod["kind"] = "Pod";
        pod["metadata"] = metadata;
        metadata.Remove("creationTimestamp");
        metadata["name"] = $"{owner.Name}-{RandomNumberGenerator.GetString(Letters, 5)}";
        metadata["namespace"] = owner.Namespace;
        metadata["ownerReferences"] = owner.AsOwner(kind);
        if (hash is not null)
            (metadata["labels"] ??= new JsonObject())["controller-revision-hash"] = hash;
        return pod;
    }

    /// <summary>Whether a pod still counts: it is neither being deleted nor has it ended.</summary>
    public static bool IsActive(ClusterObject pod) => !pod.Leaving && pod.Phase is not ("Failed" or "Succeeded");

    public static int Replicas(ClusterObject owner) => owner.Spec?["replicas"]?.GetValue<int>() ?? 1;

    /// <summary>A condition as controllers write it.</summary>
    public static JsonObject Condition(string type, bool met, string reason) =>
        new() { ["type"] = type, ["status"] = met ? "True" : "False", ["reason"] = reason, ["message"] = "" };
}
