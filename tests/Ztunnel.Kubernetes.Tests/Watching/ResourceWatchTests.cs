using Microsoft.AspNetCore.Http;
using Ztunnel.Testing;
using static Ztunnel.Kubernetes.Tests.Watching.WatchScript;

namespace Ztunnel.Kubernetes.Tests.Watching;

public sealed class ResourceWatchTests
{
    [Fact]
    public async Task A_list_is_read_page_by_page_and_then_followed()
    {
        await using WatchScript script = await Start();
        script.List(context => ScriptedServer.Json(context, Page("100", "next", "a@1", "b@2")));
        script.List(context => ScriptedServer.Json(context, ListOf("100", "d@4")));
        script.Watch(stays: true, Frame("ADDED", "c@101"), Frame("MODIFIED", "a@102"), Frame("DELETED", "b@103"));
        script.Run();
        await script.Tells("put ns/a@1", "put ns/b@2", "put ns/d@4", "synced", "put ns/c@101", "put ns/a@102", "remove ns/b");
        Assert.Equal(
            ["/api/v1/pods?limit=500&resourceVersion=0&resourceVersionMatch=NotOlderThan", "/api/v1/pods?limit=500&continue=next"],
            script.Lists,
            StringComparer.Ordinal);
        Assert.StartsWith("/api/v1/pods?resourceVersion=100&watch=true&allowWatchBookmarks=true&timeoutSeconds=", script.Watches.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_watch_that_ends_goes_on_where_it_was_and_repeats_nothing()
    {
        await using WatchScript script = await Start();
        script.List("100", "a@1");
        script.Watch(stays: false, Frame("ADDED", "b@101"), Bookmark("150"));
        script.Watch(stays: false, Frame("ADDED", "b@101"), Frame("MODIFIED", "b@151"));
        script.Watch(stays: true, Frame("DELETED", "x@152"), Frame("DELETED", "b@153"));
        script.Run();
        await script.Tells("put ns/a@1", "synced", "put ns/b@101", "put ns/b@151", "remove ns/b");
        Assert.Single(script.Lists);
        Assert.Equal(["100", "150", "151"], script.Watches.Select(Version), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_version_that_is_no_longer_kept_costs_a_list_and_tells_the_differences(bool asAnswer)
    {
        await using WatchScript script = await Start();
        script.List("100", "a@1", "b@2", "c@3");
        if (asAnswer)
            script.Watch(context => ScriptedServer.Status(context, 410, "Expired", "too old"));
        else
            script.Watch(stays: false, Error(410, "Expired"));
        script.List("200", "a@1", "b@120", "d@130");
        script.Watch(stays: true, Frame("MODIFIED", "a@201"));
        script.Run();
        await script.Tells(
            "put ns/a@1", "put ns/b@2", "put ns/c@3", "synced", "put ns/b@120", "put ns/d@130", "remove ns/c", "synced", "put ns/a@201");
        Assert.Contains("resourceVersion=100&resourceVersionMatch=NotOlderThan", script.Lists.Last(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_list_that_is_forgotten_between_its_pages_is_taken_whole()
    {
        await using WatchScript script = await Start();
        script.List(context => ScriptedServer.Json(context, Page("100", "next", "a@1", "b@2")));
        script.List(context => ScriptedServer.Status(context, 410, "Expired", "the token is too old"));
        script.List("120", "a@110");
        script.Run();
        await script.Tells("put ns/a@1", "put ns/b@2", "put ns/a@110", "remove ns/b", "synced");
        Assert.Equal("/api/v1/pods", script.Lists.Last());
    }

    [Fact]
    public async Task A_server_that_lags_behind_is_asked_for_what_there_is_now()
    {
        await using WatchScript script = await Start();
        script.List("100", "a@50");
        script.Watch(stays: false, Error(410, "Expired"));
        script.List(context => ScriptedServer.Status(context, 504, "Timeout", "Too large resource version: 100, current: 40"));
        script.List("40", "a@30");
        script.Run();
        await script.Tells("put ns/a@50", "synced", "unavailable 504 Timeout", "put ns/a@30", "synced");
        Assert.Equal("/api/v1/pods?limit=500", script.Lists.Last());
    }

    [Fact]
    public async Task A_kind_that_is_not_there_yet_is_waited_for()
    {
        await using WatchScript script = await Start();
        for (int time = 0; time < 3; time++)
            script.List(context => ScriptedServer.Status(context, 404, "NotFound", "the server could not find the requested resource"));
        script.List("5", "a@1");
        script.Run();
        await script.Tells("unavailable 404 NotFound", "put ns/a@1", "synced");
        Assert.Equal(4, script.Lists.Count());
    }

    [Fact]
    public async Task What_is_forbidden_is_told_once_and_what_was_known_stays()
    {
        await using WatchScript script = await Start();
        script.List("100", "a@1");
        script.Watch(stays: false, Bookmark("101"));
        for (int time = 0; time < 3; time++)
            script.Watch(context => ScriptedServer.Status(context, 403, "Forbidden", "no"));
        script.Watch(stays: true, Frame("MODIFIED", "a@102"));
        script.Run();
        await script.Tells("put ns/a@1", "synced", "unavailable 403 Forbidden", "synced", "put ns/a@102");
        Assert.Single(script.Lists);
    }

    [Fact]
    public async Task A_server_that_fails_for_a_while_is_told_once_and_followed_from_where_it_was()
    {
        await using WatchScript script = await Start();
        script.List("100", "a@1");
        script.Watch(stays: false, Frame("ADDED", "b@101"));
        for (int time = 0; time < 4; time++)
            script.Watch(context => ScriptedServer.Status(context, 503, "ServiceUnavailable", "starting"));
        script.Watch(stays: true, Frame("ADDED", "c@102"));
        script.Run();
        await script.Tells("put ns/a@1", "synced", "put ns/b@101", "unavailable 503 ServiceUnavailable", "synced", "put ns/c@102");
        Assert.Equal("101", Version(script.Watches.Last()));
    }

    [Fact]
    public async Task A_frame_that_breaks_off_is_asked_for_again()
    {
        await using WatchScript script = await Start();
        script.List("100");
        script.Watch(stays: false, Frame("ADDED", "a@101"), Frame("ADDED", "b@102")[..30]);
        script.Watch(stays: true, Frame("ADDED", "b@102"));
        script.Run();
        await script.Tells("synced", "put ns/a@101", "put ns/b@102");
        Assert.Equal(["100", "101"], script.Watches.Select(Version), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("""{"type":"ADDED"}""")]
    [InlineData("""{"type":"ADDED","object":{"metadata":{}}}""")]
    [InlineData("""[1]""")]
    [InlineData("""nonsense""")]
    public async Task A_frame_that_is_none_is_a_failure_and_no_end(string frame)
    {
        await using WatchScript script = await Start();
        script.List("100");
        script.Watch(stays: false, frame);
        script.Watch(stays: true, Frame("ADDED", "a@101"));
        script.Run();
        await script.Tells("synced", "put ns/a@101");
    }

    [Fact]
    public async Task An_error_in_a_watch_costs_a_list_and_tells_the_differences()
    {
        await using WatchScript script = await Start();
        script.List("100", "a@1", "b@2");
        script.Watch(stays: false, Error(500, "InternalError"));
        script.List("200", "a@1", "c@150");
        script.Watch(stays: true, Frame("MODIFIED", "a@201"));
        script.Run();
        await script.Tells("put ns/a@1", "put ns/b@2", "synced", "put ns/c@150", "remove ns/b", "synced", "put ns/a@201");
        Assert.Equal(["100", "200"], script.Watches.Select(Version), StringComparer.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_busy_in_a_watch_is_asked_for_no_list()
    {
        await using WatchScript script = await Start();
        script.List("100");
        script.Watch(stays: false, Error(429, "TooManyRequests"));
        script.Watch(stays: true, Frame("ADDED", "a@101"));
        script.Run();
        await script.Tells("synced", "put ns/a@101");
        Assert.Single(script.Lists);
    }

    [Theory]
    [InlineData("", "unavailable 0 EmptyWatch")]
    [InlineData("nonsense", "unavailable 0 MalformedAnswer")]
    [InlineData("""{"type":"ERROR","object":{"kind":"Status","code":500,"reason":"InternalError"}}""", "unavailable 500 InternalError")]
    public async Task Watches_that_always_break_are_told_once_and_replaced_by_lists_until_something_comes(string frame, string broken)
    {
        bool byError = frame.Contains("ERROR", StringComparison.Ordinal);
        await using WatchScript script = await Start();
        script.List("100", "a@1");
        for (int time = 0; time < 5; time++)
        {
            script.Watch(stays: false, frame);
            // Two breaks of the other sort are no reason to list.
            if (byError || time >= 2)
                script.List($"20{time}", "a@1", $"b@12{time}");
        }

        script.Watch(stays: true, Frame("ADDED", "c@301"));
        script.Run();
        string[] before = byError ? ["put ns/b@120", "synced", "put ns/b@121", "synced"] : [];
        await script.Tells([
            "put ns/a@1", "synced", .. before, broken, "put ns/b@122", "put ns/b@123", "put ns/b@124", "put ns/c@301", "synced"]);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(9, "unavailable 0 EmptyWatch")]
    public async Task Watches_that_end_with_nothing_in_them_have_failed_unless_they_lasted(int seconds, params string[] told)
    {
        var time = new ManualTime();
        await using WatchScript script = await Start(time);
        script.List("100", "a@1").List("100", "a@1").List("100", "a@1");
        SemaphoreSlim[] ends = [.. Enumerable.Range(0, 4).Select(_ => new SemaphoreSlim(0))];
        foreach (SemaphoreSlim end in ends)
        {
            script.Watch(async context =>
            {
                await context.Response.Body.FlushAsync();
                await end.WaitAsync(context.RequestAborted);
            });
        }

        script.Run();
        for (int ended = 0; ended < ends.Length; ended++)
        {
            await Eventually.Holds(() => script.Watches.Count() == ended + 1);
            time.Advance(TimeSpan.FromSeconds(seconds));
            ends[ended].Release();
            await Eventually.Holds(() =>
            {
                time.Advance(TimeSpan.FromMilliseconds(1));
                return script.Watches.Count() == ended + 2;
            });
        }

        Assert.Equal(["put ns/a@1", "synced", .. told], script.Told, StringComparer.Ordinal);
        Assert.Equal(told.Length == 0 ? 1 : 3, script.Lists.Count());
    }

    [Fact]
    public async Task A_watch_that_goes_silent_is_given_up_in_time()
    {
        var time = new ManualTime();
        await using WatchScript script = await Start(time);
        script.List("100", "a@1");
        script.Watch(stays: true);
        script.Watch(stays: true, Frame("ADDED", "b@101"));
        script.Run();
        await script.Tells("put ns/a@1", "synced");
        await Eventually.Holds(() => script.Watches.Any());
        await Eventually.Holds(() =>
        {
            time.Advance(TimeSpan.FromSeconds(10));
            return script.Told.Count == 3;
        });
        Assert.Equal("put ns/b@101", script.Told.Last());
        Assert.Single(script.Lists);
    }

    [Fact]
    public async Task What_comes_in_drops_is_put_together()
    {
        await using WatchScript script = await Start();
        script.List(context => Drip(context, ListOf("100", "a@1", "b@2")));
        script.Watch(context => Drip(context, Frame("ADDED", "c@101") + "\n" + Bookmark("102") + Frame("DELETED", "a@103")));
        script.Run();
        await script.Tells("put ns/a@1", "put ns/b@2", "synced", "put ns/c@101", "remove ns/a");

        static async Task Drip(HttpContext context, string text)
        {
            foreach (char each in text)
            {
                await context.Response.WriteAsync(each.ToString());
                await context.Response.Body.FlushAsync();
            }
        }
    }

    [Fact]
    public async Task The_items_of_a_list_are_told_before_it_has_ended()
    {
        await using WatchScript script = await Start();
        script.List(async context =>
        {
            await context.Response.WriteAsync(ListOf("100", "a@1", "b@2")[..^5]);
            await context.Response.Body.FlushAsync();
            await Silent(context);
        });
        script.Run();
        await script.Tells("put ns/a@1");
    }

    [Fact]
    public async Task Where_lists_are_streamed_they_are_asked_for_as_a_watch()
    {
        await using WatchScript script = await Start();
        script.Watch(stays: false, Frame("ADDED", "a@1"), Frame("ADDED", "b@2"), Bookmark("100", endsInitial: true), Frame("MODIFIED", "a@101"));
        script.Watch(stays: false, Error(410, "Expired"));
        script.Watch(stays: true, Frame("ADDED", "a@101"), Frame("ADDED", "c@3"), Bookmark("200", endsInitial: true));
        script.Run(Quick with { StreamingLists = true });
        await script.Tells("put ns/a@1", "put ns/b@2", "synced", "put ns/a@101", "put ns/c@3", "remove ns/b", "synced");
        Assert.Empty(script.Lists);
        Assert.StartsWith("/api/v1/pods?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&watch=true", script.Watches.First(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(422)]
    public async Task A_server_that_does_not_stream_lists_is_asked_for_pages(int status)
    {
        await using WatchScript script = await Start();
        script.Watch(context => ScriptedServer.Status(context, status, "Invalid", "sendInitialEvents is forbidden for watch"));
        script.List("100", "a@1");
        script.Watch(stays: false, Error(410, "Expired"));
        script.List("101", "a@1");
        script.Run(Quick with { StreamingLists = true });
        await script.Tells("put ns/a@1", "synced", "synced");
    }

    [Fact]
    public async Task A_request_that_is_refused_for_its_own_sake_keeps_no_other_from_streaming()
    {
        await using WatchScript script = await Start();
        Task Refuse(HttpContext context) => ScriptedServer.Status(context, 400, "BadRequest", "no such field to select by");
        script.Watch(Refuse);
        script.List(Refuse);
        script.Watch(stays: true, Frame("ADDED", "a@1"), Bookmark("100", endsInitial: true));
        script.Run(Quick with { StreamingLists = true });
        await script.Tells("unavailable 400 BadRequest", "put ns/a@1", "synced");
        Assert.Single(script.Lists);
    }

    [Fact]
    public async Task A_streamed_list_that_comes_to_no_end_is_asked_for_in_pages()
    {
        await using WatchScript script = await Start();
        script.Watch(stays: false, Frame("ADDED", "a@1"));
        script.List("100", "a@1", "b@2");
        script.Run(Quick with { StreamingLists = true });
        await script.Tells("put ns/a@1", "put ns/b@2", "synced");
    }

    [Fact]
    public async Task A_table_gives_rows_with_the_names_of_their_cells()
    {
        const string Columns = "\"columnDefinitions\":[{\"name\":\"Name\"},{\"name\":\"IP\"}]";
        await using WatchScript script = await Start();
        script.List(context => ScriptedServer.Json(
            context, $$$"""{"kind":"Table","metadata":{"resourceVersion":"9"},{{{Columns}}},"rows":[{{{Row("a@1", "10.0.0.1")}}}]}"""));
        script.Watch(
            stays: true,
            $$$"""{"type":"ADDED","object":{"kind":"Table","metadata":{"resourceVersion":"10"},{{{Columns}}},"rows":[{{{Row("b@10", "10.0.0.2")}}}]}}""",
            $$$"""{"type":"BOOKMARK","object":{"kind":"Table","metadata":{"resourceVersion":"11"},"columnDefinitions":null,"rows":[]}}""",
            $$$"""{"type":"DELETED","object":{"kind":"Table","columnDefinitions":null,"rows":[{{{Row("a@12", "")}}}]}}""",
            $$$"""{"type":"MODIFIED","object":{"kind":"Table","columnDefinitions":null,"rows":[{{{Row("b@13", "10.0.0.3")}}}]}}""");
        script.Run(Quick with { AsTable = true });
        await script.Tells("row ns/a Name=a IP=10.0.0.1", "synced", "row ns/b Name=b IP=10.0.0.2", "remove ns/a", "row ns/b Name=b IP=10.0.0.3");
        Assert.StartsWith("/api/v1/pods?includeObject=Metadata&limit=", script.Lists.First(), StringComparison.Ordinal);

        static string Row(string pod, string address) => $$"""{"cells":["{{pod.Split('@')[0]}}","{{address}}"],"object":{{Pod(pod)}}}""";
    }

    [Fact]
    public async Task The_objects_of_a_kind_that_stays_away_are_told_as_gone()
    {
        var time = new ManualTime();
        await using WatchScript script = await Start(time);
        script.List("100", "a@1");
        script.Watch(stays: false, Bookmark("101"));
        script.Watch(Missing);
        for (int asked = 0; asked < 1000; asked++)
            script.List(Missing);
        script.Run();
        await Eventually.Holds(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(1));
            return script.Lists.Count() > 3;
        });
        Assert.Equal(["put ns/a@1", "synced", "unavailable 404 NotFound"], script.Told, StringComparer.Ordinal);
        await Eventually.Holds(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return script.Told.Contains("remove ns/a", StringComparer.Ordinal);
        });

        static Task Missing(HttpContext context) => ScriptedServer.Status(context, 404, "NotFound", "no such kind");
    }

    private static string Version(string watch) => watch.Split("resourceVersion=")[1].Split('&')[0];
}
