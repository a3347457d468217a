using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Server-side apply: creates the object or merges into it, field by field.</summary>
internal sealed class Applying(Store store, Creation creation, Change change, TimeProvider time)
{
    /// <summary>The content type of the body.</summary>
    public const string MediaType = "application/apply-patch+yaml";

    /// <summary>Applies the body of a request. Returns the object, and whether it is new.</summary>
    public async Task<(StoredObject Kept, bool Created)> Apply(Exchange exchange, Target target)
    {
        if (exchange.Query("fieldManager") is null)
        {
            throw new ApiFailure(
                422,
                "Invalid",
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch",
                ApiFailure.WithCauses([new Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager")]));
        }

        JsonObject config = Incoming.Read(target.Kind, target.Version, Exchange.Object(await exchange.Text(), yaml: true));
        JsonObject metadata = Metadata.Of(config);
        if (metadata["managedFields"] is JsonArray { Count: > 0 })
            throw ApiFailure.BadRequest("metadata.managedFields must be nil");
        metadata["name"] ??= target.Name;
        bool force = exchange.Asks("force");
        WriteContext context = exchange.Write(target) with { Applied = true };
        FieldManagers.Manager manager = context.Manager with { Operation = "Apply" };
        string now = Metadata.Text(time.GetUtcNow());
        lock (store.Gate)
        {
            if (store.Find(target.Kind, target.Namespace, target.Name) is null && target.Subresource.Length == 0)
            {
                JsonObject made = FieldOwnership.Apply(target.Kind, null, config, manager, force, now);
                return (creation.Create(target.Kind, target.Namespace, made, context), true);
            }

            return (
                change.Update(
                    target.Kind, target.Namespace, target.Name, target.Subresource == "status",
                    live => FieldOwnership.Apply(target.Kind, live, config, manager, force, now),
                    context),
                false);
        }
    }
}
