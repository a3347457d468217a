using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// Connections that fail. The one difference to life without the mesh: a captured connection is accepted before anybody can
/// know that its destination will not have it, so what would have failed the connect is a reset right after it.
/// </summary>
[Collection(nameof(DataPathLab))]
public sealed class FailureTests(DataPathLab lab)
{
    private const int ClosedPort = 4711;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_port_nobody_listens_on_resets_the_client_at_once_and_both_logs_say_why(bool ipv6)
    {
        IPAddress server = ipv6 ? lab.Server.IPv6 : lab.Server.IPv4;

        (SocketError error, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(lab.Client, server, ClosedPort);

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.InRange(after, TimeSpan.Zero, PodSocket.Promptly);
        string outbound = await lab.Mesh.AccessLine($"src.addr={client}", "direction=\"outbound\"");
        Assert.Contains("error=\"the peer could not connect to the application (503)\"", outbound, StringComparison.Ordinal);
        string inbound = await lab.Mesh.AccessLine($"dst.addr={new IPEndPoint(server, ClosedPort)}", "direction=\"inbound\"");
        Assert.Contains("error=\"", inbound, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_closed_port_outside_the_mesh_resets_the_client_at_once()
    {
        (SocketError error, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(lab.Client, lab.Bystander.IPv4, ClosedPort);

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.InRange(after, TimeSpan.Zero, PodSocket.Promptly);
        Assert.Contains("error=\"", await lab.Mesh.AccessLine($"src.addr={client}"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_destination_that_drops_packets_in_silence_resets_the_client_when_a_connect_has_had_its_time(bool inTheMesh)
    {
        TimeSpan time = TimeSpan.FromSeconds(1);
        await using MeshLab mesh = await MeshLab.Start(
            describe =>
            {
                describe.Node("a").Pod("client");
                describe.Node("b").Pod("server").Pod("outside", "elsewhere");
            },
            configure: options => options with { Proxy = options.Proxy with { ConnectTimeout = time } });
        LabPod silent = mesh.Pod(inTheMesh ? "server" : "outside");
        foreach (string family in new[] { "ip", "ip6" })
        {
            Assert.Equal(0, (await silent.Exec("nft", "add", "table", family, "silence")).ExitCode);
            Assert.Equal(0, (await silent.Exec("nft", "add", "chain", family, "silence", "in", "{ type filter hook input priority -300; policy accept; }")).ExitCode);
            Assert.Equal(0, (await silent.Exec("nft", "add", "rule", family, "silence", "in", "meta", "l4proto", "tcp", "drop")).ExitCode);
        }

        foreach (IPAddress address in new[] { silent.IPv4, silent.IPv6 })
        {
            (SocketError error, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(mesh.Pod("client"), address, 80);

            Assert.Equal(SocketError.ConnectionReset, error);
            Assert.InRange(after, time, time + PodSocket.Promptly);
            Assert.Contains(" in time\"", await mesh.AccessLine($"src.addr={client}"), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("192.0.2.1")]
    [InlineData("2001:db8::1")]
    public async Task A_network_without_a_route_fails_at_once_as_it_does_outside_the_mesh(string address)
    {
        var nowhere = IPAddress.Parse(address);
        (SocketError without, TimeSpan afterWithout, _) = await PodSocket.Fail(lab.Stranger, nowhere, 80);

        (SocketError with, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(lab.Client, nowhere, 80);

        Assert.True(without is SocketError.NetworkUnreachable or SocketError.HostUnreachable, $"{without}");
        Assert.Equal(SocketError.ConnectionReset, with);
        Assert.InRange(afterWithout, TimeSpan.Zero, PodSocket.Promptly);
        Assert.InRange(after, TimeSpan.Zero, PodSocket.Promptly);
        Assert.Matches("error=\".*(unreachable|No route to host)", await lab.Mesh.AccessLine($"src.addr={client}"));
    }

    [Theory]
    [InlineData("10.244.0.99")]
    [InlineData("10.244.1.99")]
    public async Task An_address_no_pod_has_fails_when_the_kernel_finds_it_unreachable(string address)
    {
        var nobody = IPAddress.Parse(address);
        Task<FailedConnection> outside = PodSocket.Fail(lab.Stranger, nobody, 80);

        (SocketError error, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(lab.Client, nobody, 80);

        // The kernel asks for the neighbour three times, a second apart; nobody can know earlier. A SYN sent again just as it
        // gives up starts a second search.
        Assert.Equal(SocketError.HostUnreachable, (await outside).Error);
        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.InRange(after, TimeSpan.Zero, (2 * (await outside).After) + PodSocket.Promptly);
        Assert.Matches("error=\".*(unreachable|No route to host)", await lab.Mesh.AccessLine($"src.addr={client}"));
    }

    [Fact]
    public async Task A_reset_by_the_server_is_a_reset_for_the_client()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Exchange();

        connection.Server.Reset();

        await connection.Client.SeesReset();
        Assert.Contains("error=\"", await lab.Mesh.AccessLine($"dst.hbone_addr={lab.Server.IPv4}:{connection.Port}", "outbound"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reset_by_the_client_is_a_reset_for_the_server()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        await connection.Exchange();

        connection.Client.Reset();

        await connection.Server.SeesReset();
        Assert.Contains("error=\"", await lab.Mesh.AccessLine($"dst.addr={lab.Server.IPv4}:{connection.Port}", "inbound"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reset_after_the_client_ended_its_half_is_still_a_reset()
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Server);
        connection.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await connection.Server.ReceiveToEnd());

        connection.Server.Reset();

        await connection.Client.SeesReset();
    }
}
