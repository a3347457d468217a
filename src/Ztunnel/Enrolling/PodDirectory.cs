using Ztunnel.Capture;
using Ztunnel.Mesh;

namespace Ztunnel;

/// <summary>
/// Looks up pods that are being made: in the model, and where that has not heard of one, of its namespace, or that it is on this
/// node, in the cluster. Without a cluster to ask, the model is waited for.
/// </summary>
internal sealed class PodDirectory(string node, MeshState mesh, Func<string, string, CancellationToken, Task<Workload?>>? ask) : IPodDirectory
{
    /// <summary>How long the model may take to hear of a pod that a runtime makes already.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public async ValueTask<Workload?> Find(string @namespace, string name, string? uid, CancellationToken cancellationToken)
    {
        if (Known(@namespace, name, uid) is { } known)
            return known;
        if (ask is null)
            return await Wait(@namespace, name, uid, cancellationToken);
        Workload? asked = await ask(@namespace, name, cancellationToken);
        return asked is not null && (uid is null || asked.Uid == uid) ? asked : null;
    }

    private async Task<Workload?> Wait(string @namespace, string name, string? uid, CancellationToken cancellationToken)
    {
        var heard = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using IDisposable observation = mesh.Observe(change =>
        {
            if (change.New is { } pod && Is(pod, @namespace, name, uid))
                heard.TrySetResult();
        });
        await Task.WhenAny(heard.Task, Task.Delay(Patience, cancellationToken));
        return Known(@namespace, name, uid, judged: false);
    }

    private Workload? Known(string @namespace, string name, string? uid, bool judged = true)
    {
        Workload? pod = uid is null ? mesh.Workloads.FirstOrDefault(each => Is(each, @namespace, name, uid)) : mesh.WorkloadByUid(uid);
        return pod is not null && Is(pod, @namespace, name, uid) && (!judged || IsJudged(pod)) ? pod : null;
    }

    /// <summary>Of a pod that the model has not seen on this node, or whose namespace it has not seen, it cannot say that it is not in the mesh.</summary>
    private bool IsJudged(Workload pod) => pod.Node == node && (pod.Ambient || mesh.KnowsNamespace(pod.Namespace));

    private static bool Is(Workload pod, string @namespace, string name, string? uid) =>
        pod.Name == name && pod.Namespace == @namespace && (uid is null || pod.Uid == uid);
}
