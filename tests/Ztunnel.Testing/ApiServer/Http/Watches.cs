using System.Collections.Immutable;
using System.Globalization;
using System.Threading.Channels;

namespace Ztunnel.Testing.Api;

/// <summary>Watches: the objects there are when that is asked for, then changes until the client has heard enough.</summary>
internal sealed class Watches(Store store, ApiServerOptions options)
{
    /// <summary>Answers with a watch; ends when the client goes, its time is over or the server ends it.</summary>
    public async Task Watch(Exchange exchange, Target target)
    {
        Presentation form = exchange.Form(target.Kind, target.Version);
        Selection selection = Reads.SelectionOf(exchange, target);
        bool initial = WantsInitialEvents(exchange);
        Watcher watcher = new(selection);
        Collection collection = store.Of(target.Kind);
        Beginning beginning = Begin(exchange, collection, watcher, initial);
        exchange.Http.Response.ContentType = "application/json";
        try
        {
            WatchStream stream = new(exchange, form);
            // The answer begins before there is anything to tell.
            await stream.Flush();
            if (beginning.Failure is { } failure)
            {
                await stream.Error(failure);
                return;
            }

            foreach (StoredObject value in beginning.Objects.Where(selection.Matches))
                await stream.Add(value);
            if (initial && exchange.Asks("allowWatchBookmarks"))
                await stream.Bookmark(beginning.Version, initialEnd: true);
            foreach (ChangeEvent missed in beginning.Missed)
            {
                if (missed.For(selection) is { } type)
                    await stream.Change(missed, type);
            }

            await stream.Flush();
            await Follow(exchange, watcher, stream);
        }
        finally
        {
            lock (store.Gate)
                collection.Remove(watcher);
        }
    }

    private async Task Follow(Exchange exchange, Watcher watcher, WatchStream stream)
    {
        TimeSpan allowed = int.TryParse(exchange.Query("timeoutSeconds"), CultureInfo.InvariantCulture, out int seconds) && seconds > 0
            ? TimeSpan.FromSeconds(seconds)
            : options.WatchTimeout;
        using ITimer end = options.Time.CreateTimer(_ => End(watcher, exchange), null, allowed, Timeout.InfiniteTimeSpan);
        using ITimer? bookmarks = exchange.Asks("allowWatchBookmarks")
            ? options.Time.CreateTimer(_ => Bookmark(watcher), null, options.BookmarkInterval, options.BookmarkInterval)
            : null;
        ChannelReader<WatchLine> lines = watcher.Lines;
        while (await lines.WaitToReadAsync(exchange.Gone))
        {
            while (lines.TryRead(out WatchLine line))
            {
                if (line.Change is { } change)
                    await stream.Change(change, line.Type);
                else
                    await stream.Bookmark(line.Bookmark, initialEnd: false);
            }

            await stream.Flush();
        }
    }

    // Before a watch ends of itself its client is told how far it has come.
    private void End(Watcher watcher, Exchange exchange)
    {
        if (exchange.Asks("allowWatchBookmarks"))
            Bookmark(watcher);
        watcher.End();
    }

    private void Bookmark(Watcher watcher)
    {
        lock (store.Gate)
            watcher.Tell(store.Version);
    }

    private bool WantsInitialEvents(Exchange exchange)
    {
        if (exchange.Query("sendInitialEvents") is not { } wish)
            return false;
        if (!options.StreamingLists)
            throw BadOption("sendInitialEvents", "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled");
        if (exchange.Query("resourceVersionMatch") != "NotOlderThan")
            throw BadOption("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
        return wish == "true";
    }

    private Beginning Begin(Exchange exchange, Collection collection, Watcher watcher, bool initial)
    {
        string? version = exchange.Query("resourceVersion");
        lock (store.Gate)
        {
            long now = store.Version;
            if (version is null or "0" || initial)
            {
                if (version is not null && Versions.Parse(version) > now)
                    throw Versions.TooLarge(Versions.Parse(version), now);
                collection.Add(watcher);
                bool objects = initial || exchange.Query("sendInitialEvents") is null;
                return new Beginning(objects ? collection.Objects : [], [], now, null);
            }

            long from = Versions.Parse(version);
            if (collection.Since(from) is not { } missed)
            {
                return new Beginning(
                    [], [], now, ApiFailure.Expired($"too old resource version: {from} ({collection.Forgotten})"));
            }

            collection.Add(watcher);
            return new Beginning([], missed, now, null);
        }
    }

    private static ApiFailure BadOption(string field, string why) =>
        new(422, "Invalid", $"ListOptions.meta.k8s.io \"\" is invalid: {field}: Forbidden: {why}");

    private sealed record Beginning(
        ImmutableSortedSet<StoredObject> Objects, IReadOnlyList<ChangeEvent> Missed, long Version, ApiFailure? Failure);
}
