using Ztunnel.Capture;
using Ztunnel.Mesh;

namespace Ztunnel;

/// <summary>
/// Looks up pods that are being made: in the model, and where that does not have one in the mesh, in the cluster. Without a cluster
/// to ask, the model is waited for.
/// </summary>
internal sealed class PodDirectory(
    string node, string rootNamespace, MeshState mesh, Func<string, string, CancellationToken, Task<AskedPod?>>? ask, TimeProvider? time = null) : IPodDirectory
{
    /// <summary>How long the model may take to hear of what a runtime, or the cluster, knows already.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>How often it is looked whether the model has heard what the cluster says.</summary>
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    private readonly TimeProvider _time = time ?? TimeProvider.System;

    /// <inheritdoc/>
    public async ValueTask<Workload?> Find(string @namespace, string name, string? uid, CancellationToken cancellationToken)
    {
        if (Known(@namespace, name, uid) is { } known && IsJudged(known))
            return known;
        if (ask is null)
            return await Wait(@namespace, name, uid, cancellationToken);
        if (await ask(@namespace, name, cancellationToken) is not { } asked || !Is(asked.Pod, @namespace, name, uid))
            return null;
        if (asked.Pod.Ambient)
            await Agreement(asked, cancellationToken);
        return asked.Pod;
    }

    private async Task<Workload?> Wait(string @namespace, string name, string? uid, CancellationToken cancellationToken)
    {
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using IDisposable observation = mesh.Observe(change =>
        {
            if (change.New is { } pod && Is(pod, @namespace, name, uid))
                heard.TrySetResult();
        });
        await Task.WhenAny(heard.Task, Task.Delay(Patience, _time, cancellationToken));
        return Known(@namespace, name, uid);
    }

    /// <summary>
    /// Waits until the model judges the pod as the cluster does: as soon as it heard of a pod that is in the mesh by labels it has not
    /// heard of, it would have the pod let go of. Throws <see cref="IOException"/> when that takes too long.
    /// </summary>
    private async Task Agreement(AskedPod asked, CancellationToken cancellationToken)
    {
        long start = _time.GetTimestamp();
        while (!Agrees(asked))
        {
            if (_time.GetElapsedTime(start) > Patience)
                throw new IOException($"what is watched is behind: the labels by which pod {asked.Pod} is in the mesh have not been heard of");
            await Task.Delay(LookInterval, _time, cancellationToken);
        }
    }

    private bool Agrees(AskedPod asked) =>
        asked.NamespaceLabels.Equals(mesh.LabelsOfNamespace(asked.Pod.Namespace)) && mesh.WorkloadByUid(asked.Pod.Uid) is null or { Ambient: true } or { Node: "" };

    private Workload? Known(string @namespace, string name, string? uid)
    {
        // The API, whose uids have hyphens, does not know a static pod by its kubelet's.
        bool searched = uid is null || !uid.Contains('-', StringComparison.Ordinal);
        Workload? pod = searched ? mesh.Workloads.FirstOrDefault(each => Is(each, @namespace, name, uid)) : mesh.WorkloadByUid(uid!);
        return pod is not null && Is(pod, @namespace, name, uid) ? pod : null;
    }

    /// <summary>
    /// That a pod of this node is in the mesh is believed: should that be over, it is let go of when the model hears of it. That it
    /// is not may be what labels said before, of the pod or of its namespace, whose watch may lag behind. What is kept out by
    /// configuration stays out whatever the labels, and the mesh's own pods start without being captured rather than not.
    /// </summary>
    private bool IsJudged(Workload pod) =>
        pod.Node == node
        && (pod.Ambient || pod.Enrolment is Enrolment.ExcludedNamespace || pod.Namespace == rootNamespace
            || (ask is null && mesh.LabelsOfNamespace(pod.Namespace) is not null));

    private static bool Is(Workload pod, string @namespace, string name, string? uid) =>
        pod.Name == name && pod.Namespace == @namespace && (uid is null || pod.KubeletUid == uid);
}
