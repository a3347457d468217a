using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Ztunnel.Lab;
using Ztunnel.Proxy;
using Ztunnel.Resources;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Connections that live long: in silence, half closed, or beyond the pod at their other end.</summary>
public sealed partial class LongLifeTests
{
    /// <summary>How long the kernel remembers a silent connection in these labs, in seconds.</summary>
    private const int TrackedFor = 2;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_silent_connection_outlives_the_kernels_memory_of_its_redirection(bool halfClosed)
    {
        await using MeshLab mesh = await StartPair(options => options with
        {
            Application = options.Application with { KeepAliveIdle = TimeSpan.FromSeconds(1), KeepAliveInterval = TimeSpan.FromSeconds(1) },
        });
        foreach (string state in new[] { "established", "fin_wait", "close_wait", "last_ack" })
        {
            foreach (LabPod pod in new[] { mesh.Pod("client"), mesh.Pod("server") })
                Assert.Equal(0, (await pod.Exec("sysctl", "-qw", $"net.netfilter.nf_conntrack_tcp_timeout_{state}={TrackedFor}")).ExitCode);
        }

        using PodConnection connection = await PodConnection.Open(mesh.Pod("client"), mesh.Pod("server"));
        await connection.Exchange();
        if (halfClosed)
        {
            connection.Client.Shutdown(SocketShutdown.Send);
            Assert.Equal("", await connection.Server.ReceiveToEnd());
        }

        // The kernel's own time has to pass: there is nothing to wait for but that.
        await Task.Delay(TimeSpan.FromSeconds(2.5 * TrackedFor), TestContext.Current.CancellationToken);
        await connection.Server.SendText("late answer");
        connection.Server.Shutdown(SocketShutdown.Send);

        Assert.Equal("late answer", await connection.Client.ReceiveToEnd());
    }

    [Fact]
    public async Task Both_sockets_of_a_connection_are_probed_before_a_half_closed_one_is_forgotten()
    {
        await using MeshLab mesh = await StartPair(options => options);
        using PodConnection connection = await PodConnection.Open(mesh.Pod("client"), mesh.Pod("server"));
        await connection.Exchange();

        foreach (LabPod pod in new[] { mesh.Pod("client"), mesh.Pod("server") })
        {
            // The test's own sockets have no keepalive, so what is listed is ours.
            string sockets = (await pod.Exec("ss", "-Htno", "state", "established")).Output;
            Match probe = KeepAlive().Match(sockets);
            Assert.True(probe.Success, sockets);
            // nf_conntrack_tcp_timeout_close_wait is 60 s.
            Assert.InRange(int.Parse(probe.Groups["left"].Value, CultureInfo.InvariantCulture), 1, 45);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_half_closed_connection_on_which_nothing_moves_is_broken_off_and_the_log_says_why(bool clientEnds)
    {
        await using MeshLab mesh = await StartPair(options => options with { HalfClosedTimeout = TimeSpan.FromSeconds(1) });
        using PodConnection connection = await PodConnection.Open(mesh.Pod("client"), mesh.Pod("server"));
        await connection.Exchange();
        IPEndPoint client = connection.Client.Local();
        (Socket ends, Socket forgets) = clientEnds ? (connection.Client, connection.Server) : (connection.Server, connection.Client);
        ends.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await forgets.ReceiveToEnd());

        await ends.SeesReset();
        foreach (string direction in new[] { "outbound", "inbound" })
            await mesh.AccessLine($"direction=\"{direction}\"", $"src.addr={client}", "error=\"HalfClosedTimeout: one side has ended and nothing has moved for 1 s\"");
    }

    [Fact]
    public async Task A_pod_with_a_deleted_pods_address_never_gets_that_pods_tunnel()
    {
        // The server's node keeps what it knew at first, so that nothing but the client's node can tell the two pods apart:
        // address, name and identity are the same.
        using var unchanged = new ManifestDirectory();
        await using MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client");
                lab.Node("b").Pod("server");
            },
            network =>
            {
                unchanged.Write("mesh.yaml", Manifests(network, "uid-of-the-first"));
                return Manifests(network, "uid-of-the-first");
            },
            options => options with { Workers = 1, Source = options.Node == "b" ? new DirectorySource(unchanged.Path) : options.Source });
        LabPod client = mesh.Pod("client"), server = mesh.Pod("server");
        await using EchoServer echo = EchoServer.Start(server);
        string first = await TunnelOf(mesh, client, server);
        Assert.Equal(first, await TunnelOf(mesh, client, server));

        mesh.Manifests.Write("mesh.yaml", Manifests(mesh.Network, "uid-of-the-second"));
        await MeshLab.Eventually(
            "the second pod to be known",
            async () => (await NodeDiagnostics.Dump(mesh.Network.Node("a"))).GetRawText().Contains("uid-of-the-second", StringComparison.Ordinal));

        string second = await TunnelOf(mesh, client, server);
        Assert.NotEqual(first, second, StringComparer.Ordinal);
        Assert.Equal(second, await TunnelOf(mesh, client, server));
    }

    private static Task<MeshLab> StartPair(Func<ProxyOptions, ProxyOptions> configure) => MeshLab.Start(
        lab => lab.Node("a").Pod("client").Pod("server"),
        configure: options => options with { Proxy = configure(options.Proxy) });

    private static string Manifests(LabNetwork network, string serverUid) => Yaml.Join(
        Yaml.Namespace("default", ambient: true),
        Yaml.Pod(network.Pod("client")),
        Yaml.Pod(network.Pod("server")).Replace("  name: server\n", $"  name: server\n  uid: {serverUid}\n", StringComparison.Ordinal));

    /// <summary>Makes one connection, and returns the client's end of the tunnel that carried it, as the server's node saw it.</summary>
    private static async Task<string> TunnelOf(MeshLab mesh, LabPod client, LabPod server)
    {
        int before = Inbound(mesh).Count;
        Assert.Equal($"server {client.IPv4}", await EchoServer.Greeting(client, server.IPv4));
        await MeshLab.Eventually("the server's node to log it", () => Task.FromResult(Inbound(mesh).Count > before));
        return Source().Match(Inbound(mesh)[^1]).Value;
    }

    private static List<string> Inbound(MeshLab mesh) => [.. mesh.Lines.Where(line => line.Contains("direction=\"inbound\"", StringComparison.Ordinal))];

    [GeneratedRegex(@"timer:\(keepalive,(?<left>\d+)sec,0\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KeepAlive();

    [GeneratedRegex(@"src\.addr=\S+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Source();
}
