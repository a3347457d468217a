using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// One pod on each node. After a change of the template a new pod is made beside the old one, as with <c>maxSurge</c>, and the old
/// one goes when the new one is ready. It names the node itself, as DaemonSets of older Kubernetes did; the real one leaves that to
/// the scheduler by an affinity.
/// </summary>
internal sealed class DaemonSetStandIn(ClusterApi api, ClusterCache cache) : StandIn(api, cache)
{
    private const string Hash = "controller-revision-hash";

    protected override async Task Reconcile(CancellationToken cancellationToken)
    {
        foreach (ClusterObject set in Cache.All(ClusterKind.DaemonSets).Where(each => !each.Leaving))
            await Reconcile(set, cancellationToken);
    }

    private async Task Reconcile(ClusterObject set, CancellationToken cancellationToken)
    {
        JsonNode template = set.Spec!["template"]!;
        string hash = PodTemplate.HashOf(template);
        ClusterObject[] nodes = [.. Cache.All(ClusterKind.Nodes).Where(node => !node.Leaving)];
        ClusterObject[] pods = [.. Cache.All(ClusterKind.Pods).Where(pod => pod.Controller == set.Uid && PodTemplate.IsActive(pod))];
        foreach (ClusterObject node in nodes)
        {
            ClusterObject[] here = [.. pods.Where(pod => ClusterObject.Text(pod.Spec?["nodeName"]) == node.Name)];
            ClusterObject? current = here.FirstOrDefault(pod => pod.Labels.GetValueOrDefault(Hash) == hash);
            if (current is null)
            {
                JsonObject pod = PodTemplate.NewPod(template, ClusterKind.DaemonSets, set, hash);
                pod["spec"]!["nodeName"] = node.Name;
                await Create(ClusterKind.Pods, set.Namespace, pod, cancellationToken);
            }
            else if (current.Has("Ready"))
            {
                foreach (ClusterObject old in here.Where(pod => pod != current))
                    await Delete(ClusterKind.Pods, old, cancellationToken);
            }
        }

        int ready = pods.Count(pod => pod.Has("Ready"));
        await PatchStatus(ClusterKind.DaemonSets, set, new JsonObject
        {
            ["observedGeneration"] = set.Generation,
            ["desiredNumberScheduled"] = nodes.Length,
            ["currentNumberScheduled"] = pods.Length,
            ["updatedNumberScheduled"] = pods.Count(pod => pod.Labels.GetValueOrDefault(Hash) == hash),
            ["numberReady"] = ready,
            ["numberAvailable"] = ready,
            ["numberMisscheduled"] = 0,
        }, cancellationToken);
    }
}
