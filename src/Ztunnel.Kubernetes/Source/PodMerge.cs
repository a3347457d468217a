using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>
/// One stream of pods of two: those of the own node, in full, and those of all others. A pod that is scheduled goes from one to
/// the other, and one of its name may come again on another node, and the two do not tell of it in any order. Not safe from
/// several threads.
/// </summary>
internal sealed class PodMerge
{
    private readonly Dictionary<ObjectKey, PodObject> _own = [];

    // All of the others: either side may be far behind, and then tell of a pod that has long been followed by one of the other's.
    private readonly Dictionary<ObjectKey, PodObject> _others = [];

    /// <summary>A pod among the own: gives what there is to tell.</summary>
    public PodObject? PutOwn(PodObject pod)
    {
        _own[pod.Key] = pod;
        return _others.TryGetValue(pod.Key, out PodObject? other) && IsLater(other, pod) ? null : pod;
    }

    /// <summary>No longer among the own: gives what is there in its place; with null it is gone.</summary>
    public PodObject? RemoveOwn(ObjectKey key)
    {
        _own.Remove(key);
        return _others.GetValueOrDefault(key);
    }

    /// <summary>A pod among the others, or one there that is of no use and so as good as gone.</summary>
    public ResourceEvent? PutOther(ObjectKey key, PodObject? pod, Origin origin)
    {
        PodObject? before = _others.GetValueOrDefault(key);
        if (pod is null)
            _others.Remove(key);
        else
            _others[key] = pod;
        if (!_own.TryGetValue(key, out PodObject? own))
            return pod is null ? new ResourceEvent.Remove(key) : new ResourceEvent.Put(pod, origin);
        if (pod is not null && IsLater(pod, own))
            return new ResourceEvent.Put(pod, origin);
        // Where this one had taken its place, the own one is there again.
        return before is not null && IsLater(before, own) ? new ResourceEvent.Put(own, origin) : null;
    }

    /// <summary>Whether one is another pod than the other, and the later of the two.</summary>
    private static bool IsLater(PodObject pod, PodObject other) =>
        !string.Equals(pod.Metadata.Uid, other.Metadata.Uid, StringComparison.Ordinal) && pod.Metadata.Created > other.Metadata.Created;
}
