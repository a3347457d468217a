using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// Gives pods their nodes: of those that are ready and have the labels asked for, the one with fewest pods of the same owner, then
/// with fewest at all.
/// </summary>
internal sealed class Scheduler(ClusterApi api, ClusterCache cache) : StandIn(api, cache)
{
    protected override async Task Reconcile(CancellationToken cancellationToken)
    {
        foreach (ClusterObject pod in Cache.All(ClusterKind.Pods).Where(pod => pod.Spec?["nodeName"] is null && !pod.Leaving))
        {
            ClusterObject[] all = [.. Cache.All(ClusterKind.Pods)];
            string? node = Cache.All(ClusterKind.Nodes)
                .Where(each => each.Has("Ready") && Suits(each, pod))
                .OrderBy(each => all.Count(other => IsOn(other, each) && pod.Controller is not null && other.Controller == pod.Controller))
                .ThenBy(each => all.Count(other => IsOn(other, each)))
                .ThenBy(each => each.Name, StringComparer.Ordinal)
                .FirstOrDefault()?.Name;
            if (node is null)
                continue;
            await Api.Create(ClusterKind.Pods.Named(pod.Namespace, pod.Name, "binding"), new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Binding",
                ["metadata"] = new JsonObject { ["name"] = pod.Name, ["namespace"] = pod.Namespace, ["uid"] = pod.Uid },
                ["target"] = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Node", ["name"] = node },
            }, cancellationToken);
            Cache.Put(ClusterKind.Pods, await Api.Get(ClusterKind.Pods.Named(pod.Namespace, pod.Name), cancellationToken));
        }
    }

    private static bool IsOn(ClusterObject pod, ClusterObject node) => ClusterObject.Text(pod.Spec?["nodeName"]) == node.Name;

    private static bool Suits(ClusterObject node, ClusterObject pod) =>
        pod.Spec?["nodeSelector"] is not JsonObject { Count: > 0 } wanted || ClusterObject.Matches(wanted, node.Labels);
}
