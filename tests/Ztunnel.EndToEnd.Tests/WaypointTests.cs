using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Traffic whose destination is bound to a waypoint: through it, or nowhere.</summary>
[Collection(nameof(WaypointLab))]
public sealed class WaypointTests(WaypointLab lab)
{
    private const string ClientIdentity = "spiffe://cluster.local/ns/shop/sa/client";

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_addressed_to_a_service_goes_through_its_waypoint_under_the_address_asked_for(bool ipv6)
    {
        IPAddress vip = WaypointLab.Services["web"][ipv6 ? 1 : 0];

        (WaypointVisit visit, string greeting) = await Visit(lab.Client, vip, 80);

        Assert.Equal((new IPEndPoint(vip, 80).ToString(), ClientIdentity, ipv6 ? lab.Client.IPv6 : lab.Client.IPv4), (visit.Authority, visit.Peer, visit.From));
        // The server sees who connects to it: the waypoint.
        Assert.Equal($"server {lab.Mesh.Pod(visit.Waypoint).IPv4}", greeting);
        string line = await lab.Mesh.AccessLine("direction=\"outbound\"", $"dst.hbone_addr={visit.Authority} ", $"dst.workload=\"{visit.Waypoint}\"");
        Assert.Contains("dst.service=\"web.shop.svc.cluster.local\"", line, StringComparison.Ordinal);
        Assert.Contains("dst.identity=\"spiffe://cluster.local/ns/shop/sa/waypoint\"", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_is_addressed_to_a_workload_goes_through_its_waypoint_under_its_own_address(bool ipv6)
    {
        IPAddress address = ipv6 ? lab.Worker.IPv6 : lab.Worker.IPv4;

        (WaypointVisit visit, string greeting) = await Visit(lab.Client, address, EchoServer.Port);

        Assert.Equal((new IPEndPoint(address, EchoServer.Port).ToString(), ClientIdentity), (visit.Authority, visit.Peer));
        LabPod waypoint = lab.Mesh.Pod(visit.Waypoint);
        Assert.Equal($"worker {(ipv6 ? waypoint.IPv6 : waypoint.IPv4)}", greeting);
    }

    [Fact]
    public async Task All_pods_of_a_waypoint_take_their_share()
    {
        var used = new HashSet<string>(StringComparer.Ordinal);

        for (int i = 0; i < 40 && used.Count < 2; i++)
            used.Add((await Visit(lab.Client, WaypointLab.Services["web"][0], 80)).Visit.Waypoint);

        Assert.Equal(["waypoint-1", "waypoint-2"], used.Order(StringComparer.Ordinal).ToArray());
    }

    [Fact]
    public async Task What_the_waypoint_itself_sends_goes_directly()
    {
        string? toService = await Unvisited(() => EchoServer.Greeting(lab.Insider, WaypointLab.Services["web"][0], 80));
        string? toWorkload = await Unvisited(() => EchoServer.Greeting(lab.Insider, lab.Worker.IPv4));

        Assert.Equal(($"server {lab.Insider.IPv4}", $"worker {lab.Insider.IPv4}"), (toService, toWorkload));
    }

    [Fact]
    public async Task A_namespaces_label_binds_its_services_and_pods_and_none_opts_out()
    {
        (WaypointVisit toService, string service) = await Visit(lab.Client, WaypointLab.Services["tagged"][0], 80);
        (WaypointVisit toPod, string pod) = await Visit(lab.Client, lab.Mesh.Pod("tagged-1").IPv4, EchoServer.Port);
        string? free = await Unvisited(() => EchoServer.Greeting(lab.Client, WaypointLab.Services["free"][0], 80));
        string? freePod = await Unvisited(() => EchoServer.Greeting(lab.Client, lab.Mesh.Pod("free-1").IPv4));

        IPAddress waypoint = lab.Mesh.Pod("infra-1").IPv4;
        Assert.Equal(("infra-1", "infra-1"), (toService.Waypoint, toPod.Waypoint));
        Assert.Equal(($"tagged-1 {waypoint}", $"tagged-1 {waypoint}"), (service, pod));
        Assert.Equal(($"free-1 {lab.Client.IPv4}", $"free-1 {lab.Client.IPv4}"), (free, freePod));
    }

    [Fact]
    public async Task A_waypoint_of_another_namespace_is_used_when_it_allows_it()
    {
        (WaypointVisit visit, string greeting) = await Visit(lab.Client, WaypointLab.Services["shared"][0], 80);

        Assert.Equal("infra-1", visit.Waypoint);
        Assert.Equal($"server {lab.Mesh.Pod("infra-1").IPv4}", greeting);
    }

    [Theory]
    [InlineData("private", "infra/private-waypoint: its allowedRoutes do not admit namespace shop")]
    [InlineData("absent", "shop/nowhere: there is no such Gateway")]
    [InlineData("hollow", "shop/idle-waypoint: Service shop/idle-waypoint port 15008 has no ready IPv4 endpoint (0 of 1 endpoints ready)")]
    public async Task A_waypoint_that_is_absent_unready_or_not_allowed_resets_the_client_at_once_and_says_why(string service, string why)
    {
        (SocketError error, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(lab.Client, WaypointLab.Services[service][0], 80);

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.InRange(after, TimeSpan.Zero, PodSocket.Promptly);
        Assert.Contains(
            $"error=\"WaypointMissing: Service shop/{service} is bound to waypoint {why}",
            await lab.Mesh.AccessLine($"src.addr={client}"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_waypoint_for_a_service_account_takes_what_is_addressed_to_its_pods_and_their_services()
    {
        (WaypointVisit toService, string service) = await Visit(lab.Client, WaypointLab.Services["legacy"][0], 80);
        (WaypointVisit toPod, string pod) = await Visit(lab.Client, lab.Mesh.Pod("legacy-1").IPv4, EchoServer.Port);

        Assert.Equal(($"{WaypointLab.Services["legacy"][0]}:80", $"{lab.Mesh.Pod("legacy-1").IPv4}:8080"), (toService.Authority, toPod.Authority));
        Assert.Equal($"legacy-1 {lab.Mesh.Pod(toService.Waypoint).IPv4}", service);
        Assert.Equal($"legacy-1 {lab.Mesh.Pod(toPod.Waypoint).IPv4}", pod);
    }

    [Fact]
    public async Task An_ingress_gateway_goes_past_the_waypoint_unless_the_service_says_otherwise()
    {
        string? past = await Unvisited(() => EchoServer.Greeting(lab.Edge, WaypointLab.Services["web"][0], 80));
        (_, string through) = await Visit(lab.Edge, WaypointLab.Services["deep"][0], 80);

        Assert.Equal($"server {lab.Edge.IPv4}", past);
        Assert.StartsWith("deep-1 ", through, StringComparison.Ordinal);
        Assert.DoesNotContain(lab.Edge.IPv4.ToString(), through, StringComparison.Ordinal);
        // Nor does it reach the pod of that service directly.
        await Bypassed(lab.Edge, lab.Mesh.Pod("deep-1").IPv4, "shop/deep");
    }

    [Theory]
    [InlineData("client")]
    [InlineData("neighbour")]
    [InlineData("stranger")]
    public async Task Nobody_reaches_a_pod_past_its_services_waypoint(string from)
    {
        await Bypassed(lab.Mesh.Pod(from), lab.Server.IPv4, "shop/");
        await Bypassed(lab.Mesh.Pod(from), lab.Server.IPv6, "shop/");
    }

    [Fact]
    public async Task A_client_outside_the_mesh_does_not_reach_a_pod_past_its_own_waypoint()
    {
        await Bypassed(lab.Stranger, lab.Worker.IPv4, null);
    }

    [Fact]
    public async Task A_port_no_bound_service_leads_to_is_open_as_ever()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);

        await connection.Exchange();
    }

    [Fact]
    public async Task The_dump_shows_each_binding_or_why_there_is_none()
    {
        System.Text.Json.JsonElement dump = await NodeDiagnostics.Dump(lab.Mesh.Network.Node("a"));
        Dictionary<string, string> services = Bindings("services"), workloads = Bindings("workloads");

        Assert.Equal("shop/waypoint.shop.svc.cluster.local True WaypointAccepted", services["web"]);
        Assert.Equal("- False AttachmentDenied", services["private"]);
        Assert.Equal("- False WaypointIsNotReady", services["absent"]);
        Assert.Equal("- False WaypointIsNotReady", services["hollow"]);
        Assert.Equal("/10.244.1.6 True WaypointAccepted", services["tagged"]);
        Assert.Equal("shop/waypoint.shop.svc.cluster.local True WaypointAccepted", workloads["worker"]);
        Assert.Equal("/10.244.1.6 True WaypointAccepted", workloads["tagged-1"]);
        Assert.False(services.ContainsKey("free") || workloads.ContainsKey("free-1") || workloads.ContainsKey("server"));

        Dictionary<string, string> Bindings(string section) => dump.GetProperty(section).EnumerateArray()
            .Where(item => item.TryGetProperty("waypointBound", out _))
            .ToDictionary(
                item => item.GetProperty("name").GetString()!,
                item => $"{(item.TryGetProperty("waypoint", out var waypoint) ? waypoint.GetProperty("destination") : "-")} "
                    + $"{item.GetProperty("waypointBound").GetProperty("status")} {item.GetProperty("waypointBound").GetProperty("reason")}",
                StringComparer.Ordinal);
    }

    /// <summary>Connects, and returns the one visit that made at a waypoint.</summary>
    private async Task<(WaypointVisit Visit, string Greeting)> Visit(LabPod from, IPAddress address, int port)
    {
        WaypointVisit[] before = [.. lab.Visits];
        string? greeting = await EchoServer.Greeting(from, address, port);
        Assert.True(greeting is not null, $"no answer from {address}:{port}; the log has:\n{string.Join('\n', lab.Mesh.Lines.TakeLast(5))}");
        return (Assert.Single(lab.Visits.Except(before, ReferenceEqualityComparer.Instance).Cast<WaypointVisit>()), greeting);
    }

    /// <summary>Asserts that a direct connection is refused where it arrives.</summary>
    private async Task Bypassed(LabPod from, IPAddress address, string? service)
    {
        (SocketError error, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(from, address, EchoServer.Port);

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.InRange(after, TimeSpan.Zero, PodSocket.Promptly);
        string line = await lab.Mesh.AccessLine("direction=\"inbound\"", $"src.addr={(from == lab.Stranger || from == lab.Neighbour ? client : $"{Bracketed(client.Address)}:")}", "error=\"WaypointBypassed: ");
        Assert.Contains(" only" + (service is null ? "" : $" as Service {service}"), line, StringComparison.Ordinal);

        static string Bracketed(IPAddress ip) => ip.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{ip}]" : ip.ToString();
    }

    /// <summary>Connects, and asserts that no waypoint was visited.</summary>
    private async Task<string?> Unvisited(Func<Task<string?>> connect)
    {
        int before = lab.Visits.Count();
        string? greeting = await connect();
        Assert.Equal(before, lab.Visits.Count());
        return greeting;
    }
}
