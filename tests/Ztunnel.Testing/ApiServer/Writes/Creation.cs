using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Makes new objects.</summary>
internal sealed class Creation(Store store, Deletion deletion, ServiceAddresses addresses, TimeProvider time)
{
    /// <summary>Keeps a new object, which is in the kept version already.</summary>
    public StoredObject Create(ResourceKind kind, string ns, JsonObject value, WriteContext context)
    {
        JsonObject metadata = Metadata.Of(value);
        SetNamespace(kind, ns, metadata);
        string? name = (string?)metadata["name"];
        if (string.IsNullOrEmpty(name))
        {
            if ((string?)metadata["generateName"] is not { Length: > 0 } prefix)
            {
                throw ApiFailure.Invalid(
                    kind, "", [new Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")]);
            }

            metadata["name"] = name = Metadata.Generate(prefix);
        }

        lock (store.Gate)
        {
            RequireNamespace(kind, ns, name);
            if ((string?)metadata["resourceVersion"] is { Length: > 0 } && !context.Direct)
                throw ApiFailure.BadRequest("resourceVersion should not be set on objects to be created");
            Begin(kind, value, context);
            if (store.Find(kind, ns, name) is not null)
                throw ApiFailure.AlreadyExists(kind, name);
            if (context.DryRun)
                return StoredObject.Of(kind.Kept, value, store.Version);
            StoredObject made = Keep(kind, value);
            // Whoever makes something for an owner that has just gone is too late for the owner's own deletion.
            if (!context.Direct)
                deletion.CollectOrphan(made);
            return made;
        }
    }

    private static void SetNamespace(ResourceKind kind, string ns, JsonObject metadata)
    {
        if (!kind.Namespaced)
        {
            metadata.Remove("namespace");
            return;
        }

        if ((string?)metadata["namespace"] is { Length: > 0 } given && given != ns)
            throw ApiFailure.BadRequest("the namespace of the provided object does not match the namespace sent on the request");
        metadata["namespace"] = ns;
    }

    private void Begin(ResourceKind kind, JsonObject value, WriteContext context)
    {
        string? uid = (string?)Metadata.Of(value)["uid"];
        Metadata.Begin(value, kind, time.GetUtcNow());
        if (context.Direct && uid is not null)
            Metadata.Of(value)["uid"] = uid;
        if (kind.HasStatus && !context.Direct)
            value.Remove("status");
        if (kind == CoreKinds.Namespaces)
            NamespaceLife.Begin(value);
        if (kind == CoreKinds.CustomResourceDefinitions)
            Definitions.Establish(value, time.GetUtcNow());
        kind.Schema.Fill(value);
        if (kind == CoreKinds.Services)
            addresses.Complete(value, null);
        if (!context.Direct)
            kind.Schema.Check(kind, value, null);
        if (context.Tracks)
            FieldOwnership.Track(kind, null, value, context.Manager, Metadata.Text(time.GetUtcNow()));
    }

    private StoredObject Keep(ResourceKind kind, JsonObject value)
    {
        StoredObject made = store.Put(kind, null, value);
        if (kind == CoreKinds.Namespaces)
            NamespaceLife.Furnish(made.Name, this);
        return made;
    }

    private void RequireNamespace(ResourceKind kind, string ns, string name)
    {
        if (!kind.Namespaced)
            return;
        if (store.Find(CoreKinds.Namespaces, "", ns) is not { } found)
            throw ApiFailure.NotFound(CoreKinds.Namespaces, ns);
        if (found.Deleting)
        {
            throw ApiFailure.Forbidden(
                kind, name, $"unable to create new content in namespace {ns} because it is being terminated",
                new Cause("NamespaceTerminating", $"namespace {ns} is being terminated", "metadata.namespace"));
        }
    }
}
