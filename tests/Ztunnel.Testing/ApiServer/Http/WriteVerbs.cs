using System.Globalization;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>The verbs that change something.</summary>
internal sealed class WriteVerbs(Store store, Creation creation, Change change, Deletion deletion, Applying applying)
{
    /// <summary>Creates an object.</summary>
    public async Task Create(Exchange exchange, Target target)
    {
        if (!target.IsCollection)
            throw ApiFailure.MethodNotAllowed();
        JsonObject value = Incoming.Read(target.Kind, target.Version, await exchange.Body());
        StoredObject made = creation.Create(target.Kind, target.Namespace, value, exchange.Write(target));
        await exchange.Answer(201, exchange.Form(target.Kind, target.Version).Single(made));
    }

    /// <summary>Replaces an object, or its status.</summary>
    public async Task Update(Exchange exchange, Target target)
    {
        if (target.IsCollection)
            throw ApiFailure.MethodNotAllowed();
        JsonObject value = Incoming.Read(target.Kind, target.Version, await exchange.Body());
        StoredObject kept = change.Update(target.Kind, target.Namespace, target.Name, IsStatus(target), _ => value, exchange.Write(target));
        await exchange.Answer(200, exchange.Form(target.Kind, target.Version).Single(kept));
    }

    /// <summary>Patches an object, or its status, in one of the ways there are.</summary>
    public async Task Patch(Exchange exchange, Target target)
    {
        if (target.IsCollection)
            throw ApiFailure.MethodNotAllowed();
        bool status = IsStatus(target);
        if (exchange.BodyType == Applying.MediaType)
        {
            (StoredObject applied, bool created) = await applying.Apply(exchange, target);
            await exchange.Answer(created ? 201 : 200, exchange.Form(target.Kind, target.Version).Single(applied));
            return;
        }

        Func<JsonObject, JsonObject> patch = await PatchBody.Read(exchange, target.Kind);
        StoredObject kept = change.Update(
            target.Kind,
            target.Namespace,
            target.Name,
            status,
            now => Incoming.ToKept(target.Kind, patch(Incoming.FromKept(target.Kind, target.Version, now))),
            exchange.Write(target));
        await exchange.Answer(200, exchange.Form(target.Kind, target.Version).Single(kept));
    }

    /// <summary>Deletes an object.</summary>
    public async Task Delete(Exchange exchange, Target target)
    {
        if (target.Subresource.Length > 0)
            throw ApiFailure.MethodNotAllowed();
        DeleteOptions options = await OptionsOf(exchange);
        (StoredObject last, bool gone) = deletion.Delete(target.Kind, target.Namespace, target.Name, options);
        if (!gone || target.Kind == CoreKinds.Pods)
        {
            // Pods are answered with themselves also when they are gone; of most kinds only that it was done is said.
            await exchange.Answer(200, exchange.Form(target.Kind, target.Version).Single(last));
            return;
        }

        JsonObject details = ApiFailure.About(target.Kind, target.Name);
        details["uid"] = last.Uid;
        await exchange.Answer(200, new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Success",
            ["details"] = details,
        });
    }

    /// <summary>Deletes all objects that are selected.</summary>
    public async Task DeleteCollection(Exchange exchange, Target target)
    {
        DeleteOptions options = await OptionsOf(exchange);
        Selection selection = Reads.SelectionOf(exchange, target);
        foreach (StoredObject value in Collection.In(store.Of(target.Kind).Objects, selection.Namespace).Where(selection.Matches).ToArray())
        {
            try
            {
                deletion.Delete(target.Kind, value.Namespace, value.Name, options);
            }
            catch (ApiFailure failure) when (failure.Code == 404)
            {
                // Gone with another of them.
            }
        }

        await exchange.Answer(200, new JsonObject
        {
            ["kind"] = "Status",
            ["apiVersion"] = "v1",
            ["metadata"] = new JsonObject(),
            ["status"] = "Success",
        });
    }

    private static bool IsStatus(Target target) => target.Subresource switch
    {
        "" => false,
        "status" when target.Kind.HasStatus => true,
        _ => throw new ApiFailure(404, "NotFound", "the server could not find the requested resource"),
    };

    // The body counts when there is one, otherwise the query.
    private static async Task<DeleteOptions> OptionsOf(Exchange exchange)
    {
        JsonObject body = exchange.HasBody ? await exchange.Body() : [];
        long? grace = (long?)body["gracePeriodSeconds"]
            ?? (long.TryParse(exchange.Query("gracePeriodSeconds"), CultureInfo.InvariantCulture, out long given) ? given : null);
        return new DeleteOptions(
            (string?)body["preconditions"]?["uid"],
            (string?)body["preconditions"]?["resourceVersion"],
            grace,
            (string?)body["propagationPolicy"] ?? exchange.Query("propagationPolicy"),
            exchange.DryRun() || body["dryRun"] is JsonArray { Count: > 0 });
    }
}
