using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>What becomes of objects that another controller wants otherwise.</summary>
public sealed class DriftTests
{
    [Fact]
    public async Task Who_changes_what_is_ours_over_and_over_is_not_fought_at_full_rate_and_named_once()
    {
        await using ApiServer server = await ApiServer.Start();
        using ApiClient client = ControllerWorld.Connect(server);
        await using var events = new EventRecorder(client, "ztunnel.io/controller", "test");
        var time = new ManualTime();
        ControllerWorld world = ControllerWorld.Beside(server, events, time);
        world.Put(Manifest.Waypoint);
        world.Lead();
        await Pass(() => world.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("False/AddressNotAssigned", StringComparison.Ordinal));

        DateTimeOffset began = time.GetUtcNow();
        for (int lost = 0; lost < 8; lost++)
        {
            // A rival that never waits: whenever its image has gone it is put back.
            await Pass(() => world.At("Deployment", "shop/waypoint", "spec.template.spec.containers[0].image") == "\"ztunnel:test\"");
            await Rival(client);
        }

        // The first time at once, then after 1, 2, 4, 8, 16 and 32 s, or half of that.
        Assert.InRange(time.GetUtcNow() - began, TimeSpan.FromSeconds(31), TimeSpan.MaxValue);
        const string Said = "Deployment shop/waypoint is changed by field manager rival again and again, and set right after growing waits of up to 5 minutes";
        await Eventually.Holds(() => Notes(world).Contains(Said, StringComparer.Ordinal));
        JsonNode told = Assert.Single(Events(world), told => (string?)told["reason"] == "Contested");
        Assert.Equal("shop/waypoint Gateway", $"{told["regarding"]!["namespace"]}/{told["regarding"]!["name"]} {told["regarding"]!["kind"]}");
        Assert.Equal(Said, (string?)told["note"]);
        Assert.Null(told["series"]);

        // What is asked for anew does not wait for the end of the fight, and neither do other objects.
        world.Edit("Gateway", "shop/waypoint", gateway => gateway["spec"]!["infrastructure"] = new JsonObject { ["labels"] = new JsonObject { ["team"] = "web" } });
        await Pass(() => world.At("Deployment", "shop/waypoint", "metadata.labels.team") == "\"web\"", slowly: true);
        world.Delete("Service", "shop/waypoint");
        await Pass(() => world.Get("Service", "shop/waypoint") is not null, slowly: true);
        await world.Leave();

        // In steps, between which the world goes on; slowly, so that no long wait ends meanwhile.
        Task Pass(Func<bool> until, bool slowly = false) => Eventually.Holds(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(slowly ? 1 : 100));
            return until();
        });
    }

    private static async Task Rival(ApiClient client) => await client.Apply(
        ApiResource.Deployments.Named("shop", "waypoint"),
        new JsonObject
        {
            ["apiVersion"] = "apps/v1",
            ["kind"] = "Deployment",
            ["metadata"] = new JsonObject { ["name"] = "waypoint", ["namespace"] = "shop" },
            ["spec"] = new JsonObject
            {
                ["template"] = new JsonObject { ["spec"] = new JsonObject { ["containers"] = new JsonArray(new JsonObject { ["name"] = "istio-proxy", ["image"] = "rival:1" }) } },
            },
        },
        "rival",
        force: true,
        CancellationToken.None);

    private static JsonObject[] Events(ControllerWorld world) => [.. world.Server.Objects.List("events.k8s.io/v1", "Event")];

    private static IEnumerable<string?> Notes(ControllerWorld world) => Events(world).Select(told => (string?)told["note"]);
}
