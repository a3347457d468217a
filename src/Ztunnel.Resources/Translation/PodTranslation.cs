using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Keeps the model's workloads true to the pods and the labels of their namespaces.</summary>
internal sealed class PodTranslation(MeshState mesh, TranslatorOptions options, NamespaceLabels namespaces, ResourceInventory inventory)
{
    private const string UidField = "metadata.uid";
    private const string BypassField = $"metadata.annotations[{PodObject.BypassInboundAnnotation}]";

    private readonly Dictionary<ObjectKey, Known> _pods = [];
    private readonly Dictionary<string, HashSet<ObjectKey>> _byNamespace = new(StringComparer.Ordinal);
    private readonly Claims<string> _uids = new(StringComparer.Ordinal);

    /// <summary>The pods of a namespace.</summary>
    public IEnumerable<PodObject> In(string @namespace) => _byNamespace.GetValueOrDefault(@namespace)?.Select(key => _pods[key].Pod) ?? [];

    /// <summary>Lets the pods of a namespace follow its labels.</summary>
    public void FollowNamespace(string name)
    {
        foreach (ObjectKey key in _byNamespace.GetValueOrDefault(name) ?? [])
            Settle(key);
    }

    public void Put(PodObject pod)
    {
        ObjectKey key = pod.Key;
        Known? old = _pods.GetValueOrDefault(key);
        _pods[key] = new Known(pod, old?.ModelUid);
        if (!_byNamespace.TryGetValue(pod.Metadata.Namespace, out HashSet<ObjectKey>? siblings))
            _byNamespace.Add(pod.Metadata.Namespace, siblings = []);
        siblings.Add(key);

        string? oldUid = old?.Pod.Metadata.Uid, uid = pod.Metadata.Uid;
        if (oldUid is not null && !string.Equals(oldUid, uid, StringComparison.Ordinal))
            _uids.Remove(oldUid, key);
        if (uid is not null)
        {
            _uids.Add(uid, key);
            // Whoever has lost the uid by this lets go of it before it is given to this pod.
            SettleLosers(uid);
        }

        Settle(key);
        if (oldUid is not null)
            SettleClaimants(oldUid);
    }

    public void Remove(ObjectKey key)
    {
        if (!_pods.Remove(key, out Known? old))
            return;
        HashSet<ObjectKey> siblings = _byNamespace[key.Namespace];
        siblings.Remove(key);
        if (siblings.Count == 0)
            _byNamespace.Remove(key.Namespace);
        if (old.ModelUid is not null)
            mesh.RemoveWorkload(old.ModelUid);
        if (old.Pod.Metadata.Uid is not { } uid)
            return;
        _uids.Remove(uid, key);
        SettleClaimants(uid);
    }

    private void SettleLosers(string uid)
    {
        foreach (ObjectKey loser in _uids.LosersOf(uid))
            Settle(loser);
    }

    private void SettleClaimants(string uid)
    {
        SettleLosers(uid);
        if (_uids.HolderOf(uid) is { } holder)
            Settle(holder);
    }

    /// <summary>Brings the model's workload of a pod up to date.</summary>
    private void Settle(ObjectKey key)
    {
        Known known = _pods[key];
        PodObject pod = known.Pod;
        ObjectKey? holder = pod.Metadata.Uid is { } claimed ? _uids.HolderOf(claimed) : null;
        string uid = holder == key ? pod.Metadata.Uid! : ObjectTranslation.DerivedUid(pod.Metadata);
        inventory.SetProblem(
            key, UidField, holder is null || holder == key ? null : $"is that of {holder} too; taken as if it were not given");

        inventory.SetProblem(key, BypassField, BypassFault(pod));

        // A pod of the same name and another uid is another pod: the old one is gone, not changed.
        if (known.ModelUid is { } former && !string.Equals(former, uid, StringComparison.Ordinal))
            mesh.RemoveWorkload(former);
        _pods[key] = known with { ModelUid = uid };
        mesh.Put(ObjectTranslation.Workload(pod, uid, namespaces.Of(key.Namespace), options));
    }

    private static string? BypassFault(PodObject pod) =>
        pod.Metadata.Annotations[PodObject.BypassInboundAnnotation] is { Length: > 0 } said && BooleanText.Read(said) is null
            ? $"is neither true nor false but {YamlScalar.Show(said)}: what comes to the pod is captured"
            : null;

    /// <summary>A pod and the uid under which the model has it.</summary>
    private sealed record Known(PodObject Pod, string? ModelUid);
}
