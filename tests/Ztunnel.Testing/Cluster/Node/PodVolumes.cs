using System.Collections.Immutable;
using System.Net;
using System.Text.Json.Nodes;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// The volumes of a pod as directories: emptyDir, configMap, secret, downwardAPI, projected with tokens, and hostPath, which is in the
/// node's own files. <see cref="Refresh"/> writes what has changed since, as a kubelet does once a minute.
/// </summary>
internal sealed class PodVolumes(ClusterApi api, string directory, string nodeFiles, ClusterObject pod)
{
    /// <summary>The machine's own, on every node.</summary>
    private static readonly ImmutableArray<string> Shared = ["/proc", "/sys", "/dev", "/lib/modules"];

    private readonly Dictionary<string, string> _written = new(StringComparer.Ordinal);

    /// <summary>Where a volume is. Throws <see cref="LabException"/> when something it is made of is not there (yet).</summary>
    public async Task<string> PathOf(JsonNode volume, CancellationToken cancellationToken)
    {
        if (volume["hostPath"] is { } host)
            return HostPath(nodeFiles, ClusterObject.Text(host["path"]));
        string path = Path.Combine(directory, ClusterObject.Text(volume["name"]));
        Directory.CreateDirectory(path);
        if (volume["emptyDir"] is null)
            await Write(volume, path, cancellationToken);
        return path;
    }

    /// <summary>Writes config maps and secrets anew where they say something else by now.</summary>
    public async Task Refresh(CancellationToken cancellationToken)
    {
        foreach (JsonNode? volume in pod.Spec!["volumes"]?.AsArray() ?? [])
        {
            if (volume!["configMap"] is not null || volume["secret"] is not null || volume["projected"] is not null)
                await PathOf(volume, cancellationToken);
        }
    }

    /// <summary>A path of a node: its own, but for what of the machine there is only once.</summary>
    public static string HostPath(string nodeFiles, string path)
    {
        if (Shared.Any(shared => path == shared || path.StartsWith(shared + "/", StringComparison.Ordinal)))
            return path;
        return Directory.CreateDirectory(nodeFiles + (path.StartsWith("/var/run", StringComparison.Ordinal) ? path["/var".Length..] : path)).FullName;
    }

    private async Task Write(JsonNode volume, string path, CancellationToken cancellationToken)
    {
        IEnumerable<JsonNode?> sources = (volume["projected"]?["sources"] as JsonArray)?.AsEnumerable() ?? [volume];
        foreach (JsonNode? source in sources)
        {
            if (source!["configMap"] is { } map)
                await Keys(path, ClusterKind.ConfigMaps, ClusterObject.Text(map["name"]), map, "data", cancellationToken);
            else if (source["secret"] is { } secret)
                await Keys(path, ClusterKind.Secrets, ClusterObject.Text(secret["secretName"] ?? secret["name"]), secret, "data", cancellationToken);
            else if (source["serviceAccountToken"] is { } token)
                await Token(path, token, cancellationToken);
            else if (source["downwardAPI"] is { } downward)
                Downward(path, downward);
            else
                throw new LabException($"pod {pod}: the lab has no volumes such as {volume.ToJsonString()}");
        }
    }

    private async Task Keys(string path, ClusterKind kind, string name, JsonNode source, string field, CancellationToken cancellationToken)
    {
        JsonObject? data;
        try
        {
            data = (await api.Get(kind.Named(pod.Namespace, name), cancellationToken))[field] as JsonObject;
        }
        catch (ClusterApiException absent) when (absent.Code == HttpStatusCode.NotFound && source["optional"]?.GetValue<bool>() == true)
        {
            return;
        }

        Dictionary<string, string>? items = (source["items"] as JsonArray)?.ToDictionary(
            item => ClusterObject.Text(item!["key"]), item => ClusterObject.Text(item!["path"]), StringComparer.Ordinal);
        foreach ((string key, JsonNode? value) in data ?? [])
        {
            if (items is not null && !items.ContainsKey(key))
                continue;
            byte[] bytes = kind == ClusterKind.Secrets
                ? Convert.FromBase64String(ClusterObject.Text(value))
                : System.Text.Encoding.UTF8.GetBytes(ClusterObject.Text(value));
            Put(Path.Combine(path, items?[key] ?? key), bytes);
        }
    }

    /// <summary>Made once: no test lasts as long as a token.</summary>
    private async Task Token(string path, JsonNode wanted, CancellationToken cancellationToken)
    {
        string file = Path.Combine(path, ClusterObject.Text(wanted["path"]));
        if (!File.Exists(file))
            Put(file, System.Text.Encoding.ASCII.GetBytes(await TokenFor(ClusterObject.Text(wanted["audience"]), cancellationToken)));
    }

    /// <summary>A token of the pod's service account, bound to the pod, by the TokenRequest API.</summary>
    public async Task<string> TokenFor(string audience, CancellationToken cancellationToken)
    {
        string account = ClusterObject.Text(pod.Spec!["serviceAccountName"]) is { Length: > 0 } named ? named : "default";
        var request = new JsonObject
        {
            ["apiVersion"] = "authentication.k8s.io/v1",
            ["kind"] = "TokenRequest",
            ["spec"] = new JsonObject
            {
                ["audiences"] = audience.Length == 0 ? [] : new JsonArray(audience),
                ["expirationSeconds"] = 43_200,
                ["boundObjectRef"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = pod.Name, ["uid"] = pod.Uid },
            },
        };
        JsonObject answer = await api.Create(ClusterKind.ServiceAccounts.Named(pod.Namespace, account, "token"), request, cancellationToken);
        return ClusterObject.Text(answer["status"]!["token"]);
    }

    private void Downward(string path, JsonNode source)
    {
        foreach (JsonNode? item in source["items"]!.AsArray())
        {
            string text = ContainerEnvironment.FieldOf(pod, ClusterObject.Text(item!["fieldRef"]!["fieldPath"]));
            Put(Path.Combine(path, ClusterObject.Text(item["path"])), System.Text.Encoding.UTF8.GetBytes(text));
        }
    }

    /// <summary>At once, so that nobody reads half of it; and not at all where nothing is new.</summary>
    private void Put(string file, byte[] content)
    {
        string known = Convert.ToBase64String(content);
        if (_written.GetValueOrDefault(file) == known)
            return;
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        File.WriteAllBytes(file + ".new", content);
        File.Move(file + ".new", file, overwrite: true);
        _written[file] = known;
    }
}
