using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// One ReplicaSet for each template a Deployment has had. A new one is filled while the old ones keep their pods; these are taken
/// away once as many new pods as are wanted are ready.
/// </summary>
internal sealed class DeploymentStandIn(ClusterApi api, ClusterCache cache) : StandIn(api, cache)
{
    private const string Hash = "pod-template-hash";

    protected override async Task Reconcile(CancellationToken cancellationToken)
    {
        foreach (ClusterObject deployment in Cache.All(ClusterKind.Deployments).Where(each => !each.Leaving))
            await Reconcile(deployment, cancellationToken);
    }

    private async Task Reconcile(ClusterObject deployment, CancellationToken cancellationToken)
    {
        JsonNode template = deployment.Spec!["template"]!;
        string hash = PodTemplate.HashOf(template);
        int wanted = PodTemplate.Replicas(deployment);
        ClusterObject[] owned = [.. Cache.All(ClusterKind.ReplicaSets).Where(each => each.Controller == deployment.Uid)];
        ClusterObject? current = owned.FirstOrDefault(each => each.Labels.GetValueOrDefault(Hash) == hash);
        if (current is null)
        {
            await Create(ClusterKind.ReplicaSets, deployment.Namespace, NewSet(deployment, template, hash, wanted), cancellationToken);
            return;
        }

        if (PodTemplate.Replicas(current) != wanted)
            await Scale(current, wanted, cancellationToken);
        int ready = Count(current, "readyReplicas");
        ClusterObject[] former = [.. owned.Where(each => each != current)];
        if (ready >= wanted)
        {
            foreach (ClusterObject old in former.Where(old => PodTemplate.Replicas(old) > 0))
                await Scale(old, 0, cancellationToken);
        }

        await WriteStatus(deployment, current, former, wanted, cancellationToken);
    }

    private Task Scale(ClusterObject set, int replicas, CancellationToken cancellationToken) =>
        Patch(ClusterKind.ReplicaSets, set, new() { ["spec"] = new JsonObject { ["replicas"] = replicas } }, cancellationToken);

    private Task WriteStatus(ClusterObject deployment, ClusterObject current, ClusterObject[] former, int wanted, CancellationToken cancellationToken)
    {
        int ready = Count(current, "readyReplicas") + former.Sum(each => Count(each, "readyReplicas"));
        int updated = Count(current, "replicas");
        bool available = ready >= wanted;
        return PatchStatus(ClusterKind.Deployments, deployment, new JsonObject
        {
            ["observedGeneration"] = deployment.Generation,
            ["replicas"] = updated + former.Sum(each => Count(each, "replicas")),
            ["updatedReplicas"] = updated,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = ready,
            ["conditions"] = new JsonArray
            {
                PodTemplate.Condition("Available", available, available ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable"),
                PodTemplate.Condition("Progressing", met: true, updated >= wanted && available ? "NewReplicaSetAvailable" : "ReplicaSetUpdated"),
            },
        }, cancellationToken);
    }

    private static int Count(ClusterObject set, string field) => set.Status?[field]?.GetValue<int>() ?? 0;

    private static JsonObject NewSet(ClusterObject deployment, JsonNode template, string hash, int replicas)
    {
        JsonObject labelled = template.DeepClone().AsObject();
        JsonObject metadata = labelled["metadata"] as JsonObject ?? [];
        labelled["metadata"] = metadata;
        JsonObject labels = metadata["labels"] as JsonObject ?? [];
        metadata["labels"] = labels;
        labels[Hash] = hash;
        JsonObject selector = deployment.Spec!["selector"]!.DeepClone().AsObject();
        (selector["matchLabels"] ??= new JsonObject())[Hash] = hash;
        return new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "ReplicaSet",
            ["metadata"] = new JsonObject
            {
                ["name"] = $"{deployment.Name}-{hash}",
                ["namespace"] = deployment.Namespace,
                ["labels"] = labels.DeepClone(),
                ["ownerReferences"] = deployment.AsOwner(ClusterKind.Deployments),
            },
            ["spec"] = new JsonObject { ["replicas"] = replicas, ["selector"] = selector, ["template"] = labelled },
        };
    }
}
