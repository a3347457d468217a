using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Changes objects that are there.</summary>
internal sealed class Change(Store store, Deletion deletion, ServiceAddresses addresses, TimeProvider time)
{
    /// <summary>
    /// Replaces an object by what <paramref name="edit"/> makes of it, both in the kept version, under the lock; the whole of it, or its
    /// status when <paramref name="status"/> says so. Nothing is written when nothing differs.
    /// </summary>
    public StoredObject Update(
        ResourceKind kind, string ns, string name, bool status, Func<JsonObject, JsonObject> edit, WriteContext context)
    {
        lock (store.Gate)
        {
            StoredObject existing = store.Find(kind, ns, name) ?? throw ApiFailure.NotFound(kind, name);
            JsonObject before = existing.ToJson();
            JsonObject after = edit(existing.ToJson());
            CheckIdentity(kind, existing, after);
            Metadata.Keep(after, before);
            if (!context.Direct)
                KeepOtherHalf(kind, after, before, status);
            kind.Schema.Fill(after);
            if (kind == CoreKinds.Services)
                addresses.Complete(after, before);
            if (!context.Direct)
                kind.Schema.Check(kind, after, before);
            if (context.Tracks)
                FieldOwnership.Track(kind, before, after, context.Manager, Metadata.Text(time.GetUtcNow()));
            else if (context.Direct)
                FieldManagers.Of(before).WriteTo(after);
            CountGeneration(kind, after, before);
            Metadata.Of(after)["resourceVersion"] = before["metadata"]!["resourceVersion"]!.DeepClone();
            if (JsonNode.DeepEquals(after, before))
                return existing;
            if (context.DryRun)
                return StoredObject.Of(kind.Kept, after, existing.Version);
            StoredObject kept = store.Put(kind, existing, after);
            return kept.Deleting ? deletion.Complete(kept) ?? kept : kept;
        }
    }

    private static void CheckIdentity(ResourceKind kind, StoredObject existing, JsonObject after)
    {
        JsonObject metadata = Metadata.Of(after);
        if ((string?)metadata["name"] is { Length: > 0 } name && name != existing.Name)
            throw ApiFailure.BadRequest($"the name of the object ({name}) does not match the name on the URL ({existing.Name})");
        if ((string?)metadata["namespace"] is { Length: > 0 } ns && ns != existing.Namespace)
            throw ApiFailure.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
        if ((string?)metadata["uid"] is { Length: > 0 } uid && uid != existing.Uid)
        {
            throw ApiFailure.Conflict(
                kind, existing.Name, $"Precondition failed: UID in precondition: {uid}, UID in object meta: {existing.Uid}");
        }

        string? version = metadata["resourceVersion"]?.ToString();
        if (string.IsNullOrEmpty(version) && (kind.Custom || kind == CoreKinds.Leases))
        {
            throw ApiFailure.Invalid(
                kind,
                existing.Name,
                [new Cause("FieldValueInvalid", "Invalid value: 0x0: must be specified for an update", "metadata.resourceVersion")]);
        }

        if (!string.IsNullOrEmpty(version) && version != $"{existing.Version}")
            throw ApiFailure.Modified(kind, existing.Name);
        string[] old = Metadata.Finalizers(existing.ToJson());
        if (existing.Deleting && Metadata.Finalizers(after).Except(old, StringComparer.Ordinal).Any())
        {
            throw ApiFailure.Invalid(kind, existing.Name, [new Cause(
                "FieldValueForbidden",
                "Forbidden: no new finalizers can be added if the object is being deleted",
                "metadata.finalizers")]);
        }
    }

    // The status has a path of its own: through it nothing else changes, and through the other it does not change.
    private static void KeepOtherHalf(ResourceKind kind, JsonObject after, JsonObject before, bool status)
    {
        if (!kind.HasStatus)
            return;
        foreach (string name in FieldsOf(after, before))
        {
            bool writable = status ? name == "status" || (name == "metadata" && !kind.Custom) : name != "status";
            if (writable || name is "apiVersion" or "kind")
                continue;
            if (before[name] is { } kept)
                after[name] = name == "metadata" ? WithManagers(kept.DeepClone(), after) : kept.DeepClone();
            else
                after.Remove(name);
        }
    }

    private static string[] FieldsOf(JsonObject after, JsonObject before) =>
        [.. after.Select(field => field.Key).Union(before.Select(field => field.Key), StringComparer.Ordinal)];

    private static JsonNode WithManagers(JsonNode metadata, JsonObject after)
    {
        if (Metadata.Of(after)["managedFields"] is { } managers)
            metadata["managedFields"] = managers.DeepClone();
        return metadata;
    }

    private static void CountGeneration(ResourceKind kind, JsonObject after, JsonObject before)
    {
        if (!kind.HasGeneration)
            return;
        string[] ignored = ["apiVersion", "kind", "metadata", kind.HasStatus ? "status" : ""];
        bool changed = FieldsOf(after, before).Except(ignored, StringComparer.Ordinal).Any(name => !JsonNode.DeepEquals(after[name], before[name]));
        if (changed)
            Metadata.Of(after)["generation"] = ((long?)Metadata.Of(before)["generation"] ?? 0) + 1;
    }
}
