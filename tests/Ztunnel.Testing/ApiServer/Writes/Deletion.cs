using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>How an object is to be deleted (DeleteOptions).</summary>
internal sealed record DeleteOptions(
    string? Uid = null, string? ResourceVersion = null, long? GracePeriod = null, string? Propagation = null, bool DryRun = false);

/// <summary>
/// Deletes objects: at once, or once nothing holds them any more (finalizers, a pod's grace period, the content of a namespace), and
/// with them what they own.
/// </summary>
internal sealed class Deletion(Store store, TimeProvider time)
{
    private const string Orphan = "orphan", Foreground = "foregroundDeletion";

    /// <summary>Deletes an object. Returns it as it is afterwards, and whether it is gone.</summary>
    public (StoredObject Last, bool Gone) Delete(ResourceKind kind, string ns, string name, DeleteOptions options)
    {
        lock (store.Gate)
        {
            StoredObject existing = store.Find(kind, ns, name) ?? throw ApiFailure.NotFound(kind, name);
            CheckPreconditions(kind, existing, options);
            if (options.DryRun)
                return (existing, true);
            StoredObject marked = Mark(kind, existing, options);
            return Complete(marked) is { } last ? (last, true) : (marked, false);
        }
    }

    /// <summary>Takes an object out whose deletion has begun, when nothing holds it. Under the gate. Returns its last state then.</summary>
    public StoredObject? Complete(StoredObject value)
    {
        JsonObject json = value.ToJson();
        JsonObject metadata = Metadata.Of(json);
        if (!value.Deleting || Metadata.Finalizers(json).Length > 0 || ((long?)metadata["deletionGracePeriodSeconds"] ?? 0) > 0)
            return null;
        if (value.Kind == CoreKinds.Namespaces && json["spec"]?["finalizers"] is JsonArray { Count: > 0 })
            return null;
        StoredObject last = store.Remove(value);
        Collect(value.Uid);
        foreach (string owner in value.Owners)
            EndForeground(owner);
        CompleteNamespace(value.Namespace);
        return last;
    }

    /// <summary>Deletes an object whose owners are all gone. Under the gate.</summary>
    public void CollectOrphan(StoredObject value)
    {
        if (value.Owners.Length > 0 && value.Owners.All(owner => store.FindByUid(owner) is null))
            Delete(value.Kind, value.Namespace, value.Name, new DeleteOptions(Propagation: "Background"));
    }

    private static void CheckPreconditions(ResourceKind kind, StoredObject existing, DeleteOptions options)
    {
        if (options.Uid is { } uid && uid != existing.Uid)
        {
            throw ApiFailure.Conflict(
                kind, existing.Name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {existing.Uid}");
        }

        if (options.ResourceVersion is { } version && version != $"{existing.Version}")
        {
            throw ApiFailure.Conflict(
                kind,
                existing.Name,
                $"Precondition failed: ResourceVersion in precondition: {version}, ResourceVersion in object meta: {existing.Version}");
        }
    }

    private StoredObject Mark(ResourceKind kind, StoredObject existing, DeleteOptions options)
    {
        JsonObject value = existing.ToJson();
        JsonObject metadata = Metadata.Of(value);
        long grace = GraceOf(existing, value, options);
        if (!existing.Deleting)
        {
            metadata["deletionTimestamp"] = Metadata.Text(time.GetUtcNow() + TimeSpan.FromSeconds(grace));
            metadata["deletionGracePeriodSeconds"] = grace;
            if (kind.HasGeneration)
                metadata["generation"] = ((long?)metadata["generation"] ?? 0) + 1;
            if (kind == CoreKinds.Namespaces)
                value["status"] = new JsonObject { ["phase"] = "Terminating" };
            SetPropagation(metadata, options.Propagation);
        }
        else if (grace < ((long?)metadata["deletionGracePeriodSeconds"] ?? 0))
        {
            metadata["deletionGracePeriodSeconds"] = grace;
            metadata["deletionTimestamp"] = Metadata.Text(time.GetUtcNow() + TimeSpan.FromSeconds(grace));
        }
        else
        {
            return existing;
        }

        // What nothing holds goes in one step: watches see no change before the deletion.
        bool held = Metadata.Finalizers(value).Length > 0 || grace > 0 || kind == CoreKinds.Namespaces;
        if (!held)
            return StoredObject.Of(existing.Kind, value, existing.Version);
        StoredObject marked = store.Put(kind, existing, value);
        Continue(marked, metadata);
        return store.Of(kind).Find(marked.Key) ?? marked;
    }

    private static long GraceOf(StoredObject existing, JsonObject value, DeleteOptions options)
    {
        // A pod that no node has taken has nobody to end it; only pods have a grace period.
        if (existing.Kind != CoreKinds.Pods || string.IsNullOrEmpty((string?)value["spec"]?["nodeName"]))
            return 0;
        if ((string?)value["status"]?["phase"] is "Failed" or "Succeeded")
            return 0;
        return options.GracePeriod ?? (long?)value["spec"]?["terminationGracePeriodSeconds"] ?? 30;
    }

    private static void SetPropagation(JsonObject metadata, string? propagation)
    {
        string? finalizer = propagation switch { "Orphan" => Orphan, "Foreground" => Foreground, _ => null };
        if (finalizer is null)
            return;
        if (metadata["finalizers"] is not JsonArray finalizers)
            metadata["finalizers"] = finalizers = [];
        finalizers.Add(finalizer);
    }

    private void Continue(StoredObject marked, JsonObject metadata)
    {
        string[] finalizers = metadata["finalizers"] is JsonArray array ? [.. array.Select(item => (string?)item ?? "")] : [];
        if (finalizers.Contains(Orphan))
        {
            foreach (StoredObject dependent in store.DependentsOf(marked.Uid))
                Disown(dependent, marked.Uid);
            DropFinalizer(marked.Kind, marked.Key, Orphan);
        }

        if (finalizers.Contains(Foreground))
        {
            foreach (StoredObject dependent in store.DependentsOf(marked.Uid))
                Delete(dependent.Kind, dependent.Namespace, dependent.Name, new DeleteOptions(Propagation: "Foreground"));
            if (store.DependentsOf(marked.Uid).Count == 0)
                DropFinalizer(marked.Kind, marked.Key, Foreground);
        }

        if (marked.Kind == CoreKinds.Namespaces)
        {
            foreach (StoredObject inside in ContentOf(marked.Name))
            {
                if (store.Of(inside.Kind).Find(inside.Key) is { Deleting: false })
                    Delete(inside.Kind, inside.Namespace, inside.Name, new DeleteOptions());
            }

            CompleteNamespace(marked.Name);
        }
    }

    // Objects whose owners are all gone go too; from the others the owner that is gone is taken off.
    private void Collect(string uid)
    {
        foreach (StoredObject dependent in store.DependentsOf(uid))
        {
            if (dependent.Owners.Any(owner => store.FindByUid(owner) is not null))
                Disown(dependent, uid);
            else if (!dependent.Deleting)
                Delete(dependent.Kind, dependent.Namespace, dependent.Name, new DeleteOptions(Propagation: "Background"));
        }
    }

    private void Disown(StoredObject dependent, string uid)
    {
        JsonObject value = dependent.ToJson();
        JsonArray owners = Metadata.Of(value)["ownerReferences"]!.AsArray();
        foreach (JsonNode? owner in owners.Where(owner => (string?)owner?["uid"] == uid).ToArray())
            owners.Remove(owner);
        if (owners.Count == 0)
            Metadata.Of(value).Remove("ownerReferences");
        store.Put(dependent.Kind, dependent, value);
    }

    private void DropFinalizer(ResourceKind kind, string key, string finalizer)
    {
        if (store.Of(kind).Find(key) is not { } existing)
            return;
        JsonObject value = existing.ToJson();
        if (Metadata.Of(value)["finalizers"] is not JsonArray finalizers)
            return;
        foreach (JsonNode? item in finalizers.Where(item => (string?)item == finalizer).ToArray())
            finalizers.Remove(item);
        if (finalizers.Count == 0)
            Metadata.Of(value).Remove("finalizers");
        // The caller completes the deletion.
        store.Put(kind, existing, value);
    }

    // An owner that waits for what it owns goes when the last of it has gone.
    private void EndForeground(string uid)
    {
        if (store.FindByUid(uid) is not { Deleting: true } owner || store.DependentsOf(uid).Count > 0)
            return;
        DropFinalizer(owner.Kind, owner.Key, Foreground);
        if (store.FindByUid(uid) is { } ready)
            Complete(ready);
    }

    private StoredObject[] ContentOf(string ns) =>
        [.. store.Collections.SelectMany(collection => Collection.In(collection.Objects, ns))];

    private void CompleteNamespace(string ns)
    {
        if (ns.Length == 0 || store.Find(CoreKinds.Namespaces, "", ns) is not { Deleting: true } found || ContentOf(ns).Length > 0)
            return;
        JsonObject value = found.ToJson();
        value["spec"]!.AsObject().Remove("finalizers");
        Complete(store.Put(CoreKinds.Namespaces, found, value));
    }
}
