using System.Collections.Immutable;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>The environment of a container, with what it refers to of its pod.</summary>
internal static partial class ContainerEnvironment
{
    /// <summary>The variables of a container. Throws <see cref="LabException"/> for a source the lab does not know.</summary>
    public static ImmutableDictionary<string, string> Of(ClusterObject pod, JsonNode container)
    {
        var variables = ImmutableDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (JsonNode? entry in container["env"]?.AsArray() ?? [])
        {
            string value = entry!["valueFrom"] switch
            {
                null => Expand(ClusterObject.Text(entry["value"]), variables),
                { } from when from["fieldRef"] is { } field => FieldOf(pod, ClusterObject.Text(field["fieldPath"])),
                // What is not limited has the node's whole, and the lab limits nothing.
                { } from when from["resourceFieldRef"] is not null => "2",
                { } other => throw new LabException($"pod {pod}: the lab has no environment such as {other.ToJsonString()}"),
            };
            variables[ClusterObject.Text(entry["name"])] = value;
        }

        return variables.ToImmutable();
    }

    /// <summary>Replaces <c>$(NAME)</c> by the variable; one that is not there stays as it is written.</summary>
    public static string Expand(string text, IReadOnlyDictionary<string, string> variables) =>
        Reference().Replace(text, match => variables.TryGetValue(match.Groups["name"].Value, out string? value) ? value : match.Value);

    /// <summary>What <c>fieldPath</c> names of a pod.</summary>
    public static string FieldOf(ClusterObject pod, string path) => path switch
    {
        "metadata.name" => pod.Name,
        "metadata.namespace" => pod.Namespace,
        "metadata.uid" => pod.Uid,
        "spec.nodeName" => ClusterObject.Text(pod.Spec?["nodeName"]),
        "spec.serviceAccountName" => ClusterObject.Text(pod.Spec?["serviceAccountName"]) is { Length: > 0 } account ? account : "default",
        "status.hostIP" => ClusterObject.Text(pod.Status?["hostIP"]),
        "status.podIP" => ClusterObject.Text(pod.Status?["podIP"]),
        "status.podIPs" => string.Join(',', (pod.Status?["podIPs"] as JsonArray)?.Select(each => ClusterObject.Text(each!["ip"])) ?? []),
        "metadata.labels" => Lines(pod.Labels),
        "metadata.annotations" => Lines(ClusterObject.Map(pod.Metadata["annotations"])),
        _ when KeyOf(path) is (string map, string key) => ClusterObject.Map(pod.Metadata[map]).GetValueOrDefault(key, ""),
        _ => throw new LabException($"pod {pod}: the lab knows no field {path}"),
    };

    private static string Lines(ImmutableDictionary<string, string> map) =>
        string.Join('\n', map.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}=\"{entry.Value}\""));

    private static (string Map, string Key)? KeyOf(string path) =>
        Keyed().Match(path) is { Success: true } match ? (match.Groups["map"].Value, match.Groups["key"].Value) : null;

    [GeneratedRegex(@"\$\((?<name>[A-Za-z_][A-Za-z0-9_]*)\)", RegexOptions.NonBacktracking)]
    private static partial Regex Reference();

    [GeneratedRegex(@"^metadata\.(?<map>labels|annotations)\['(?<key>[^']+)'\]$", RegexOptions.NonBacktracking)]
    private static partial Regex Keyed();
}
