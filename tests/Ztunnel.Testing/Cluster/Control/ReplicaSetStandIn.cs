using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>Keeps as many pods as a ReplicaSet wants; of too many it takes away those that are not ready first.</summary>
internal sealed class ReplicaSetStandIn(ClusterApi api, ClusterCache cache) : StandIn(api, cache)
{
    protected override async Task Reconcile(CancellationToken cancellationToken)
    {
        foreach (ClusterObject set in Cache.All(ClusterKind.ReplicaSets).Where(each => !each.Leaving))
        {
            ClusterObject[] pods = [.. Cache.All(ClusterKind.Pods).Where(pod => pod.Controller == set.Uid && PodTemplate.IsActive(pod))];
            int wanted = PodTemplate.Replicas(set);
            for (int missing = pods.Length; missing < wanted; missing++)
            {
                await Create(
                    ClusterKind.Pods, set.Namespace, PodTemplate.NewPod(set.Spec!["template"]!, ClusterKind.ReplicaSets, set), cancellationToken);
            }

            foreach (ClusterObject surplus in pods.OrderBy(pod => pod.Has("Ready")).Take(pods.Length - wanted))
                await Delete(ClusterKind.Pods, surplus, cancellationToken);
            int ready = pods.Count(pod => pod.Has("Ready"));
            await PatchStatus(ClusterKind.ReplicaSets, set, new JsonObject
            {
                ["observedGeneration"] = set.Generation,
                ["replicas"] = pods.Length,
                ["readyReplicas"] = ready,
                ["availableReplicas"] = ready,
            }, cancellationToken);
        }
    }
}
