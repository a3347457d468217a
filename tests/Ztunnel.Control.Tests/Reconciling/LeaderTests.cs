using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Kubernetes;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>Several controllers of one cluster.</summary>
public sealed class LeaderTests
{
    private static readonly string[] Decided = ["True", "False"];

    [Fact]
    public async Task Who_does_not_lead_writes_nothing_and_knows_everything()
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        await world.Resign();
        world.Put(Manifest.Waypoint);
        await world.Controller.Synced;
        await Eventually.Holds(() => world.Knows("waypoint"));
        Assert.Null(world.Get("ServiceAccount", "shop/waypoint"));
        Assert.DoesNotContain(world.Condition("Gateway", "shop/waypoint", "Accepted").Split("/")[0], Decided, StringComparer.Ordinal);

        world.Lead();
        await Eventually.Holds(() => world.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("False/AddressNotAssigned", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_leader_that_is_one_no_longer_stops_in_the_middle_of_a_write()
    {
        await using ControllerWorld world = await ControllerWorld.Start();
        using IDisposable hold = world.Server.Faults.Hold(request => request.Verb == "patch" && request.Resource == "deployments.apps");
        world.Put(Manifest.Waypoint);
        await Eventually.Holds(() => world.Get("ServiceAccount", "shop/waypoint") is not null && world.Server.Counters.Requests("patch", "deployments.apps") == 1);
        await world.Resign().WaitAsync(Eventually.Deadline);
        world.Put(Manifest.Ingress);
        await Eventually.Holds(() => world.Knows("gw"));
        Assert.Null(world.Get("ServiceAccount", "shop/gw-istio"));
        Assert.DoesNotContain(world.Condition("Gateway", "shop/gw", "Accepted").Split("/")[0], Decided, StringComparer.Ordinal);
        Assert.Null(world.Get("Service", "shop/waypoint"));
        Assert.Null(world.Get("Deployment", "shop/waypoint"));
    }

    [Fact]
    public async Task The_next_leader_finishes_what_the_first_began_and_changes_nothing_that_is_right()
    {
        await using ControllerWorld first = await ControllerWorld.Start(Manifest.Waypoint);
        await Eventually.Holds(() => first.Get("Service", "shop/waypoint") is not null);
        first.Put(Manifest.WaypointInstance);
        await Eventually.Holds(() => first.Condition("Gateway", "shop/waypoint", "Programmed").StartsWith("True", StringComparison.Ordinal));
        await first.Settled();
        await first.Resign();
        string version = first.At("Deployment", "shop/waypoint", "metadata.resourceVersion"), status = first.At("Gateway", "shop/waypoint", "metadata.resourceVersion");
        first.Put(Manifest.Ingress);

        ControllerWorld second = ControllerWorld.Beside(first.Server);
        second.Lead();
        await Eventually.Holds(() => first.Get("Service", "shop/gw-istio") is not null);
        await second.Settled();
        Assert.Equal(version, first.At("Deployment", "shop/waypoint", "metadata.resourceVersion"));
        Assert.Equal(status, first.At("Gateway", "shop/waypoint", "metadata.resourceVersion"));
        await second.Leave();
    }

    [Fact]
    public async Task Who_leads_again_gives_nothing_back_to_gateways_that_have_gone_meanwhile()
    {
        await using ControllerWorld world = await ControllerWorld.Start(Manifest.Waypoint, Manifest.Ingress);
        await Eventually.Holds(() => world.Subjects() == "shop/gw-istio shop/waypoint");
        await world.Resign();
        world.Delete("Gateway", "shop/gw");
        await Eventually.Holds(() => !world.Knows("gw"));
        // As another replica left it.
        world.Edit("ClusterRoleBinding", "/ztunnel-gateway", binding => binding["subjects"] = new JsonArray());

        world.Lead();
        await Eventually.Holds(() => world.Subjects().Length > 0);
        Assert.Equal("shop/waypoint", world.Subjects());
    }

    [Fact]
    public async Task A_lease_decides_who_writes()
    {
        await using ApiServer server = await ApiServer.Start();
        using ApiClient client = ControllerWorld.Connect(server);
        ControllerWorld[] worlds = [ControllerWorld.Beside(server), ControllerWorld.Beside(server)];
        using var stop = new CancellationTokenSource();
        using var firstStop = new CancellationTokenSource();
        LeaderElection[] elections = [.. worlds.Select((_, index) => new LeaderElection(
            client, new LeaderElectionOptions { Namespace = "istio-system", Name = "ztunnel-controller", Identity = $"c-{index}", RetryPeriod = TimeSpan.FromMilliseconds(50) }, NullLogger.Instance))];
        server.Put("{apiVersion: v1, kind: Namespace, metadata: {name: istio-system}}");
        Task first = elections[0].Run(worlds[0].Controller.Lead, firstStop.Token);
        await Eventually.Holds(() => elections[0].IsLeader);
        Task second = elections[1].Run(worlds[1].Controller.Lead, stop.Token);
        server.Put(Manifest.Waypoint);
        await Eventually.Holds(() => worlds[0].Get("Service", "shop/waypoint") is not null);
        Assert.False(elections[1].IsLeader);

        await firstStop.CancelAsync();
        await Ended(first);
        await Eventually.Holds(() => elections[1].IsLeader);
        server.Put(Manifest.Ingress);
        await Eventually.Holds(() => worlds[0].Get("Service", "shop/gw-istio") is not null);
        await stop.CancelAsync();
        await Ended(second);
        foreach (ControllerWorld world in worlds)
            await world.Leave();
    }

    private static async Task Ended(Task contest) => await contest.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
}
