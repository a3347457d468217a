using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Api;

/// <summary>Single objects and lists.</summary>
internal sealed class Reads(Store store)
{
    private const int FlushAt = 1 << 20;

    /// <summary>Answers with one object.</summary>
    public Task Get(Exchange exchange, Target target)
    {
        StoredObject found = store.Find(target.Kind, target.Namespace, target.Name) ?? throw ApiFailure.NotFound(target.Kind, target.Name);
        return exchange.Answer(200, exchange.Form(target.Kind, target.Version).Single(found));
    }

    /// <summary>Answers with a list: all of it, or a page of it that belongs to the same moment as the pages before.</summary>
    public async Task List(Exchange exchange, Target target)
    {
        Presentation form = exchange.Form(target.Kind, target.Version);
        Selection selection = SelectionOf(exchange, target);
        Page page = PageOf(exchange, target.Kind);
        (List<StoredObject> items, string metadata) = Take(page, selection);

        exchange.Http.Response.ContentType = "application/json";
        ArrayBufferWriter<byte> output = new();
        form.WriteListHead(output, metadata);
        for (int i = 0; i < items.Count; i++)
        {
            if (i > 0)
                output.Write(","u8);
            form.WriteItem(output, items[i]);
            if (output.WrittenCount < FlushAt)
                continue;
            await exchange.Send(output.WrittenMemory);
            output.ResetWrittenCount();
        }

        output.Write("]}"u8);
        await exchange.Send(output.WrittenMemory);
    }

    /// <summary>What a request selects, from its path and its selectors.</summary>
    public static Selection SelectionOf(Exchange exchange, Target target)
    {
        try
        {
            string fields = exchange.Query("fieldSelector") ?? "";
            // A watch of one object by its path is one of its name.
            if (target.Name.Length > 0)
                fields = $"metadata.name={target.Name},{fields}".TrimEnd(',');
            return new Selection(
                target.Namespace.Length == 0 ? null : target.Namespace,
                LabelSelector.Parse(exchange.Query("labelSelector")),
                FieldSelector.Parse(fields, target.Kind));
        }
        catch (FormatException e)
        {
            throw ApiFailure.BadRequest(e.Message);
        }
    }

    /// <summary>The one name that a request is about; empty for none. Whoever may read one object may list and watch by its name.</summary>
    public static string NameOf(Exchange exchange, Target target) =>
        target.Name.Length > 0 || exchange.Query("fieldSelector") is not { Length: > 0 } ? target.Name : SelectionOf(exchange, target).Fields.PinnedName ?? "";

    private static (List<StoredObject> Items, string Metadata) Take(Page page, Selection selection)
    {
        List<StoredObject> items = [];
        StoredObject? last = null;
        int remaining = 0;
        foreach (StoredObject value in Collection.In(page.Objects, selection.Namespace, page.After).Where(selection.Matches))
        {
            if (items.Count < page.Limit)
            {
                items.Add(value);
                last = value;
            }
            else
            {
                remaining++;
            }
        }

        string metadata = string.Create(CultureInfo.InvariantCulture, $"\"resourceVersion\":\"{page.Version}\"");
        if (remaining > 0)
        {
            metadata += $",\"continue\":\"{ContinueAt(page.Version, last!.Key)}\"";
            // With a selector the real server does not count on.
            if (selection.IsWhole)
                metadata += string.Create(CultureInfo.InvariantCulture, $",\"remainingItemCount\":{remaining}");
        }

        return (items, metadata);
    }

    private Page PageOf(Exchange exchange, ResourceKind kind)
    {
        int limit = int.TryParse(exchange.Query("limit"), CultureInfo.InvariantCulture, out int given) && given > 0 ? given : int.MaxValue;
        string? version = exchange.Query("resourceVersion"), match = exchange.Query("resourceVersionMatch");
        if (exchange.Query("continue") is { } token)
        {
            if (version is not (null or "0"))
                throw ApiFailure.BadRequest("specifying resource version is not allowed when using continue");
            return Continue(kind, token, limit);
        }

        if (match is not null && version is null)
            throw BadOption("resourceVersionMatch is forbidden unless resourceVersion is provided");
        lock (store.Gate)
        {
            long now = store.Version;
            ImmutableSortedSet<StoredObject> objects = store.Of(kind).Objects;
            // From its cache the server answers whole, whatever the limit.
            if (version == "0" && match != "Exact")
                return new Page(objects, now, int.MaxValue, null);
            if (version is null)
                return new Page(objects, now, limit, null);
            long wanted = Versions.Parse(version);
            if (wanted > now)
                throw Versions.TooLarge(wanted, now);
            if (match == "NotOlderThan" || (match is null && limit == int.MaxValue))
                return new Page(objects, now, limit, null);
            return new Page(
                store.Of(kind).At(wanted) ?? throw ApiFailure.Expired($"The resourceVersion for the provided list is too old: {wanted}"),
                wanted,
                limit,
                null);
        }
    }

    private Page Continue(ResourceKind kind, string token, int limit)
    {
        (long version, string after) = ReadToken(token);
        lock (store.Gate)
        {
            if (version < 0)
                return new Page(store.Of(kind).Objects, store.Version, limit, after);
            if (store.Of(kind).At(version) is { } objects)
                return new Page(objects, version, limit, after);
        }

        throw new ApiFailure(410, "Expired", "The provided continue parameter is too old to display a consistent list result.")
        {
            // Going on from here is possible, as a list that is of no one moment.
            Continue = ContinueAt(-1, after),
        };
    }

    private static string ContinueAt(long version, string key) =>
        Convert.ToBase64String(Encoding.UTF8.GetBytes(new JsonObject { ["v"] = "meta.k8s.io/v1", ["rv"] = version, ["start"] = key }.ToJsonString()))
            .TrimEnd('=').Replace('+', '-').Replace('/', '_');

    private static (long Version, string After) ReadToken(string token)
    {
        try
        {
            string padded = token.Replace('-', '+').Replace('_', '/') + new string('=', (4 - (token.Length % 4)) % 4);
            JsonNode read = JsonNode.Parse(Convert.FromBase64String(padded))!;
            return ((long)read["rv"]!, (string)read["start"]!);
        }
        catch (Exception e) when (e is FormatException or JsonException or InvalidOperationException or NullReferenceException)
        {
            throw ApiFailure.BadRequest("continue key is not valid");
        }
    }

    private static ApiFailure BadOption(string why) => new(
        422, "Invalid", $"ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: {why}");

    private sealed record Page(ImmutableSortedSet<StoredObject> Objects, long Version, int Limit, string? After);
}
