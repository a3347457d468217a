using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Tells of policies whose targets do not exist, because they protect nothing: by a misspelt name, or once the target is
/// deleted.
/// </summary>
internal sealed class AttachedPolicies(MeshState mesh, ResourceInventory inventory)
{
    private const string Field = "spec.targetRefs";

    private readonly Dictionary<ObjectKey, IPolicy> _policies = [];
    private bool _changed;

    /// <summary>Takes a policy in place of the one of its key.</summary>
    public void Put(ObjectKey key, IPolicy policy)
    {
        Remove(key);
        if (policy.Attached)
            _policies[key] = policy;
        else
            inventory.SetProblem(key, Field, null);
        _changed = true;
    }

    /// <summary>Forgets a policy.</summary>
    public void Remove(ObjectKey key) => _policies.Remove(key);

    /// <summary>Takes note of a change of an object, which may be the target of policies.</summary>
    public void Follow(ObjectKey key) =>
        _changed |= key.Kind == ObjectKind.Gateway || key.Kind == ObjectKind.Service || key.Kind == ObjectKind.ServiceEntry;

    /// <summary>Looks for the targets, where anything has changed about them.</summary>
    public void Settle()
    {
        if (!_changed)
            return;
        _changed = false;
        foreach ((ObjectKey key, IPolicy policy) in _policies)
            inventory.SetProblem(key, Field, mesh.MissingTargetsOf(policy), remark: true);
    }
}
