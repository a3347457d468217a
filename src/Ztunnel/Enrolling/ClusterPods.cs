using System.Text.Json;
using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>A pod as the cluster's API has it now.</summary>
/// <param name="Pod">The pod, judged by its labels and its namespace's.</param>
/// <param name="NamespaceLabels">The latter.</param>
internal sealed record AskedPod(Workload Pod, StringMap NamespaceLabels);

/// <summary>Asks the cluster's API for a pod and its namespace, and judges the pod by both.</summary>
internal sealed class ClusterPods(ApiClient api, TranslatorOptions options)
{
    /// <summary>The pod of that name as it is now; null when there is none. Throws <see cref="IOException"/> when that cannot be learnt.</summary>
    public async Task<AskedPod?> Find(string @namespace, string name, CancellationToken cancellationToken)
    {
        try
        {
            Task<NamespaceObject> reading = Read<NamespaceObject>(ObjectKind.Namespace, ApiResource.Namespaces.Named("", @namespace), cancellationToken);
            Task<PodObject> pod = Read<PodObject>(ObjectKind.Pod, ApiResource.Pods.Named(@namespace, name), cancellationToken);
            await Task.WhenAll(reading, pod);
            NamespaceObject around = await reading;
            return new AskedPod(Translator.Judge(await pod, around, options), Translator.LabelsOf(around));
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
