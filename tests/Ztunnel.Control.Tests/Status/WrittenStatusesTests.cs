using System.Text.Json.Nodes;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>Nothing is written for ever: neither what a server does not keep, nor against somebody who undoes it.</summary>
public sealed class WrittenStatusesTests
{
    private static readonly GatewayApiStatus Wanted = new()
    {
        Object = new ObjectKey(ObjectKind.Gateway, "shop", "gw"),
        Uid = "u",
        Conditions = [new StatusCondition("Accepted", true, "Accepted", "fine")],
    };

    private static readonly JsonObject Changed = new() { ["conditions"] = new JsonArray("as wanted") };

    private readonly ManualTime _time = new();
    private readonly WrittenStatuses _written;

    public WrittenStatusesTests() => _written = new WrittenStatuses(_time);

    [Fact]
    public void What_the_server_made_of_a_status_is_not_written_against()
    {
        Assert.Equal(TimeSpan.Zero, _written.Wait(Wanted, Changed, Served("""{"conditions":[]}""")));
        _written.Note(Wanted, new JsonObject { ["conditions"] = new JsonArray("pruned") });
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Equal(Timeout.InfiniteTimeSpan, _written.Wait(Wanted, Changed, Served("""{"conditions":["pruned"],"addresses":["of others"]}""")));
        // Somebody has wiped it, something else is wanted or to be written, or it is another object.
        Assert.Equal(TimeSpan.Zero, _written.Wait(Wanted, Changed, Served("""{"conditions":[]}""")));
        Assert.Equal(TimeSpan.Zero, _written.Wait(Wanted with { Generation = 2 }, Changed, Served("""{"conditions":["pruned"]}""")));
        Assert.Equal(TimeSpan.Zero, _written.Wait(Wanted with { Uid = "v" }, Changed, Served("""{"conditions":["pruned"]}""")));
        Assert.Equal(TimeSpan.Zero, _written.Wait(Wanted, new JsonObject { ["listeners"] = new JsonArray() }, Served("""{"conditions":["pruned"]}""")));
    }

    [Fact]
    public void What_somebody_undoes_is_written_again_after_growing_waits()
    {
        // Once is a mistake of theirs.
        Assert.Equal(TimeSpan.Zero, Undone());
        TimeSpan[] waits = [.. Enumerable.Range(0, 12).Select(_ => Undone())];
        Assert.InRange(waits[0], TimeSpan.FromSeconds(0.5), TimeSpan.FromSeconds(1));
        Assert.InRange(waits[^1], DriftBackoff.Longest / 2, DriftBackoff.Longest);
        // Something else that is wanted waits for nothing.
        Assert.Equal(TimeSpan.Zero, _written.Wait(Wanted with { Generation = 2 }, Changed, Served("{}")));
        _written.Forget(Wanted.Object);
        Assert.Equal(TimeSpan.Zero, Undone());

        TimeSpan Undone()
        {
            _written.Note(Wanted, null);
            TimeSpan wait = _written.Wait(Wanted, Changed, Served("{}"));
            _time.Advance(wait);
            Assert.Equal(TimeSpan.Zero, _written.Wait(Wanted, Changed, Served("{}")));
            return wait;
        }
    }

    private static ServedStatus Served(string status) => ServedStatus.Of(new JsonObject { ["status"] = JsonNode.Parse(status) }, "v1");
}
