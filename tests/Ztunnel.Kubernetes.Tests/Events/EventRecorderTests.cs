using System.Text;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Events;

public sealed class EventRecorderTests
{
    private static readonly ObjectReference Pod = new("v1", "Pod", "default", "web", "uid-1");

    [Fact]
    public async Task An_event_says_what_happened_to_which_object()
    {
        await using ApiServer server = await ApiServer.Start();
        await Record(server, recorder => recorder.Warning(Pod, "EnrolFailed", "Enrol", "its network namespace is gone"));
        JsonNode said = Assert.Single(await Events(server));
        Assert.Equal(
            ("Warning", "EnrolFailed", "Enrol", "its network namespace is gone", "ztunnel.io/node", "node-a", "uid-1"),
            ((string?)said["type"], (string?)said["reason"], (string?)said["action"], (string?)said["note"], (string?)said["reportingController"],
                (string?)said["reportingInstance"], (string?)said["regarding"]!["uid"]));
        Assert.StartsWith("web.", (string?)said["metadata"]!["name"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_again_is_counted_and_something_else_is_another_event()
    {
        await using ApiServer server = await ApiServer.Start();
        await Record(server, recorder =>
        {
            for (int time = 0; time < 3; time++)
                recorder.Normal(Pod, "Enrolled", "Enrol", "captured");
            recorder.Normal(Pod, "Released", "Release", "let go");
        });
        JsonNode[] said = await Events(server);
        Assert.Equal(2, said.Length);
        Assert.Equal(3, (int?)said.Single(each => (string?)each["reason"] == "Enrolled")["series"]?["count"]);
        Assert.Null(said.Single(each => (string?)each["reason"] == "Released")["series"]);
    }

    [Fact]
    public async Task An_event_that_has_expired_is_written_anew()
    {
        await using ApiServer server = await ApiServer.Start();
        await Record(server, async recorder =>
        {
            recorder.Normal(Pod, "Enrolled", "Enrol", "captured");
            await Eventually.Holds(() => server.Counters.Requests("create", "events") + server.Counters.Requests("create", "events.events.k8s.io") > 0);
            JsonNode[] said = [];
            await Eventually.Holds(() => (said = Events(server).GetAwaiter().GetResult()).Length == 1);
            using var client = Client(server);
            await client.Delete(ApiResource.Events.Named("default", (string)said[0]["metadata"]!["name"]!), null, default);
            recorder.Normal(Pod, "Enrolled", "Enrol", "captured");
        });
        Assert.Single(await Events(server));
    }

    [Fact]
    public async Task Of_one_object_no_more_is_said_than_can_be_read()
    {
        await using ApiServer server = await ApiServer.Start();
        await Record(server, recorder =>
        {
            for (int time = 0; time < 100; time++)
                recorder.Warning(Pod, "EnrolFailed", "Enrol", $"try {time}");
            recorder.Warning(Pod with { Name = "other" }, "EnrolFailed", "Enrol", "try");
        });
        Assert.Equal(11, (await Events(server)).Length);
    }

    [Fact]
    public async Task A_long_note_is_shortened_to_what_an_event_takes()
    {
        await using ApiServer server = await ApiServer.Start();
        await Record(server, recorder => recorder.Normal(Pod, "Enrolled", "Enrol", new string('ü', 2000)));
        string note = (string)Assert.Single(await Events(server))["note"]!;
        Assert.InRange(Encoding.UTF8.GetByteCount(note), 1000, 1024);
        Assert.Matches("^ü+\\.\\.\\.$", note);
    }

    [Fact]
    public async Task Events_that_cannot_be_written_hurt_nobody()
    {
        await using ApiServer server = await ApiServer.Start();
        using (server.Faults.Fail(403))
            await Record(server, recorder => recorder.Normal(Pod, "Enrolled", "Enrol", "captured"));
        Assert.Empty(await Events(server));
    }

    private static Task Record(ApiServer server, Action<EventRecorder> say) => Record(server, recorder =>
    {
        say(recorder);
        return Task.CompletedTask;
    });

    private static async Task Record(ApiServer server, Func<EventRecorder, Task> say)
    {
        using ApiClient client = Client(server);
        await using var recorder = new EventRecorder(client, "ztunnel.io/node", "node-a");
        await say(recorder);
    }

    private static async Task<JsonNode[]> Events(ApiServer server)
    {
        using ApiClient client = Client(server);
        JsonNode list = await client.Get(ApiResource.Events.In("default"), default);
        return [.. list["items"]!.AsArray().Select(item => item!)];
    }

    private static ApiClient Client(ApiServer server) => new(ServerAccess.Of(server));
}
