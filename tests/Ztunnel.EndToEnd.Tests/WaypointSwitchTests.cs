using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>A node whose switches about waypoints are set otherwise.</summary>
public sealed class WaypointSwitchTests
{
    [Fact]
    public async Task Binding_a_service_cuts_the_connections_that_go_past_its_waypoint_and_no_others()
    {
        await using MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client");
                lab.Node("b").Pod("server").Pod("other");
            },
            network => Manifests(network, ""));
        using PodListener listener = PodListener.Start(mesh.Pod("server"), EchoServer.Port);
        using PodConnection past = await PodConnection.Open(mesh.Pod("client"), listener, mesh.Pod("server").IPv4, EchoServer.Port);
        using PodConnection elsewhere = await PodConnection.Open(mesh.Pod("client"), mesh.Pod("server"));
        await past.Exchange();

        mesh.Manifests.Write("mesh.yaml", Manifests(mesh.Network, "istio.io/use-waypoint: waypoint"));

        await past.Client.SeesReset();
        await mesh.AccessLine("direction=\"inbound\"", $"dst.addr={mesh.Pod("server").IPv4}:{EchoServer.Port} ", "WaypointBypassed: ");
        await elsewhere.Exchange();

        static string Manifests(LabNetwork network, string labels) => Yaml.Join(
            MeshLab.Ordinary(network),
            Yaml.Service("web", "default", "{app: server}", 80, "8080", "10.96.1.1")
                .Replace("metadata:\n", $"metadata:\n  labels: {{{labels}}}\n", StringComparison.Ordinal));
    }

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

        IPEndPoint Resolve(string authority) => new(server.IPv4, EchoServer.Port);
    }

    [Fact]
    public async Task Who_serves_as_a_waypoint_under_another_identity_even_the_destinations_own_is_refused_and_sees_nothing()
    {
        await using MeshLab mesh = await WaypointLab.Start();
        await using FakeWaypoint first = FakeWaypoint.Start(mesh.Pod("waypoint-1"), "server", mesh, FakeWaypoint.AsAddress);
        await using FakeWaypoint second = FakeWaypoint.Start(mesh.Pod("waypoint-2"), "server", mesh, FakeWaypoint.AsAddress);

        (SocketError error, _, IPEndPoint client) = await PodSocket.Fail(mesh.Pod("client"), WaypointLab.Services["web"][0], 80);

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.Contains(
            "UnexpectedIdentity: expected spiffe://cluster.local/ns/shop/sa/waypoint, presented spiffe://cluster.local/ns/shop/sa/server",
            await mesh.AccessLine($"src.addr={client}"),
            StringComparison.Ordinal);
        Assert.Empty(first.Visits.Concat(second.Visits));
    }
}
