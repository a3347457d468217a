using Ztunnel.Lab;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>A node whose switches about waypoints are set otherwise.</summary>
public sealed class WaypointSwitchTests
{
    [Fact]
    public async Task Pods_are_reached_past_their_waypoint_when_that_is_allowed_and_services_are_named_when_that_is_wanted()
    {
        await using MeshLab mesh = await WaypointLab.Start(options => options with
        {
            Mesh = new MeshOptions { WaypointBypass = WaypointBypass.Allow, WaypointAuthority = WaypointAuthority.Hostname },
        });
        LabPod client = mesh.Pod("client"), server = mesh.Pod("server"), stranger = mesh.Pod("stranger");
        await using FakeWaypoint first = FakeWaypoint.Start(mesh.Pod("waypoint-1"), WaypointLab.Account, mesh, Resolve);
        await using FakeWaypoint second = FakeWaypoint.Start(mesh.Pod("waypoint-2"), WaypointLab.Account, mesh, Resolve);
        await using EchoServer echo = EchoServer.Start(server);

        Assert.Equal($"server {client.IPv4}", await EchoServer.Greeting(client, server.IPv4));
        Assert.Equal($"server {stranger.IPv4}", await EchoServer.Greeting(stranger, server.IPv4));
        Assert.Empty(first.Visits.Concat(second.Visits));

        Assert.StartsWith("server ", await EchoServer.Greeting(client, WaypointLab.Services["web"][0], 80), StringComparison.Ordinal);
        Assert.Equal("web.shop.svc.cluster.local:80", Assert.Single(first.Visits.Concat(second.Visits)).Authority);

        System.Net.IPEndPoint Resolve(string authority) => new(server.IPv4, EchoServer.Port);
    }
}
