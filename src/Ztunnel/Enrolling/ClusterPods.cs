using System.Text.Json;
using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>Asks the cluster's API for a pod and its namespace, and judges the pod by both.</summary>
internal sealed class ClusterPods(ApiClient api, TranslatorOptions options)
{
    /// <summary>The pod of that name as it is now; null when there is none. Throws <see cref="IOException"/> when that cannot be learnt.</summary>
    public async Task<Workload?> Find(string @namespace, string name, CancellationToken cancellationToken)
    {
        try
        {
            Task<NamespaceObject> around = Read<NamespaceObject>(ObjectKind.Namespace, ApiResource.Namespaces.Named("", @namespace), cancellationToken);
            PodObject pod = await Read<PodObject>(ObjectKind.Pod, ApiResource.Pods.Named(@namespace, name), cancellationToken);
            return Translator.Judge(pod, await around, options);
        }
        catch (ApiException missing) when (missing.IsNotFound)
        {
            return null;
        }
    }

    private async Task<T> Read<T>(ObjectKind kind, ApiPath path, CancellationToken cancellationToken)
        where T : KubernetesObject
    {
        JsonNode answer = await api.Get(path, cancellationToken);
        using JsonDocument json = JsonDocument.Parse(answer.ToJsonString());
        return ObjectJson.Read(kind, json.RootElement, path.ToString()).Object as T
            ?? throw new IOException($"{path} could not be made sense of");
    }
}
