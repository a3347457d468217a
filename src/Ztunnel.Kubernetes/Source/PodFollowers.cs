using System.Text.Json;
using Microsoft.Extensions.Logging;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>Follows the pods of the own node.</summary>
internal sealed class OwnPodFollower(ResourceWatch watch, string name, PodMerge merge, SemaphoreSlim turn, Func<ResourceEvent, ValueTask> tell, ILogger logger)
    : ObjectFollower(watch, ObjectKind.Pod, name, tell, logger)
{
    protected override async ValueTask Tell(KubernetesObject @object)
    {
        await turn.WaitAsync();
        try
        {
            if (merge.PutOwn((PodObject)@object) is { } pod)
                await base.Tell(pod);
        }
        finally
        {
            turn.Release();
        }
    }

    protected override async ValueTask Remove(ObjectKey key)
    {
        State.Remove(key);
        await turn.WaitAsync();
        try
        {
            await Tell(merge.RemoveOwn(key) is { } other ? new ResourceEvent.Put(other, Origin) : new ResourceEvent.Remove(key));
        }
        finally
        {
            turn.Release();
        }
    }
}

/// <summary>Follows the pods of all nodes, or all others, by what a table says of them.</summary>
internal sealed class TrimmedPodFollower(ResourceWatch watch, string name, PodMerge merge, SemaphoreSlim turn, Func<ResourceEvent, ValueTask> tell, ILogger logger)
    : CollectionFollower(watch, ObjectKind.Pod, name, tell, logger)
{
    private readonly TrimmedPods _rows = new();

    protected override async ValueTask Put(WatchEvent.Put put, ObjectKey key)
    {
        PodObject pod;
        try
        {
            pod = _rows.Read(put, Watch.Columns);
        }
        catch (Exception error) when (error is FormatException or JsonException or InvalidOperationException)
        {
            State.Take(key, Unread(key, error.Message));
            return;
        }

        await TellOther(key, pod);
    }

    protected override ValueTask Remove(ObjectKey key)
    {
        State.Remove(key);
        _rows.Forget(key.Namespace, key.Name);
        return TellOther(key, null);
    }

    private async ValueTask TellOther(ObjectKey key, PodObject? pod)
    {
        State.Remark = _rows.WithoutAccount == 0
            ? null
            : $"{_rows.WithoutAccount} pods that are captured do not say their service account ({PodObject.ServiceAccountAnnotation}) and are taken to have \"default\": where another agent captures pods, all must be read in full";
        await turn.WaitAsync();
        try
        {
            if (merge.PutOther(key, pod, Origin) is { } told)
                await Tell(told);
        }
        finally
        {
            turn.Release();
        }
    }
}
