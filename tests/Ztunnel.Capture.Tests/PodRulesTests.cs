using System.Net;
using System.Text.RegularExpressions;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

/// <summary>The rules, in real namespaces with real connections. Each runs for IPv4 and for IPv6.</summary>
public sealed partial class PodRulesTests
{
    private const int AppPort = 8080;
    private static readonly TcpOptions Ours = new() { Mark = CaptureContract.SocketMark };
    private static readonly TcpOptions Borrowing = new() { Mark = CaptureContract.SocketMark, Transparent = true, BindAddressNoPort = true };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_pod_opens_arrives_at_the_outbound_port_with_where_it_was_going(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor outbound = world.Listen(world.Pod, CaptureContract.OutboundPort, ipv6);
        foreach (int port in new[] { 80, CaptureContract.HbonePort, CaptureContract.OutboundPort })
        {
            IPAddress peer = World.AddressOf(world.Peer, ipv6);
            TcpConnection client = await world.Connect(world.Pod, peer, port);
            TcpConnection captured = await outbound.Next();

            Assert.Equal(new IPEndPoint(peer, port), captured.OriginalDestination());
            Assert.Equal(World.AddressOf(world.Pod, ipv6), captured.RemoteEndPoint.Address);
            await world.Converse(client, captured);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Our_own_connections_are_not_captured_again(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor outbound = world.Listen(world.Pod, CaptureContract.OutboundPort, ipv6);
        using Acceptor server = world.Listen(world.Peer, 80, ipv6);

        TcpConnection own = await world.Connect(world.Pod, World.AddressOf(world.Peer, ipv6), 80, Ours);

        await world.Converse(own, await server.Next());
        Assert.Equal(0, outbound.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Loopback_and_the_pods_own_address_are_left_alone(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor outbound = world.Listen(world.Pod, CaptureContract.OutboundPort, ipv6);
        using Acceptor plaintext = world.Listen(world.Pod, CaptureContract.PlaintextPort, ipv6);
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        foreach (IPAddress address in new[] { ipv6 ? IPAddress.IPv6Loopback : IPAddress.Parse("127.0.0.7"), World.AddressOf(world.Pod, ipv6) })
            await world.Converse(await world.Connect(world.Pod, address, AppPort), await app.Next());
        Assert.Equal(0, outbound.Waiting + plaintext.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_comes_in_arrives_at_the_plaintext_port_except_hbone(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor plaintext = world.Listen(world.Pod, CaptureContract.PlaintextPort, ipv6);
        using Acceptor hbone = world.Listen(world.Pod, CaptureContract.HbonePort, ipv6);
        IPAddress pod = World.AddressOf(world.Pod, ipv6);

        TcpConnection plain = await world.Connect(world.Peer, pod, AppPort);
        TcpConnection redirected = await plaintext.Next();
        TcpConnection tunnel = await world.Connect(world.Peer, pod, CaptureContract.HbonePort);
        TcpConnection direct = await hbone.Next();

        Assert.Equal(new IPEndPoint(pod, AppPort), redirected.OriginalDestination());
        Assert.Equal(World.AddressOf(world.Peer, ipv6), redirected.RemoteEndPoint.Address);
        await world.Converse(plain, redirected);
        Assert.Equal(World.AddressOf(world.Peer, ipv6), direct.RemoteEndPoint.Address);
        await world.Converse(tunnel, direct);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_comes_in_reaches_the_app_of_a_pod_that_bypasses_it_and_what_the_pod_opens_is_captured(bool ipv6)
    {
        await using World world = await World.Build();
        await world.Install(PodRules.InstallFor(ProbePath.LinkLocal, bypassInbound: true));
        using Acceptor outbound = world.Listen(world.Pod, CaptureContract.OutboundPort, ipv6);
        using Acceptor plaintext = world.Listen(world.Pod, CaptureContract.PlaintextPort, ipv6);
        using Acceptor hbone = world.Listen(world.Pod, CaptureContract.HbonePort, ipv6);
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        (IPAddress pod, IPAddress peer) = (World.AddressOf(world.Pod, ipv6), World.AddressOf(world.Peer, ipv6));

        TcpConnection client = await world.Connect(world.Peer, pod, AppPort);
        TcpConnection served = await app.Next();
        Assert.Equal(peer, served.RemoteEndPoint.Address);
        await world.Converse(client, served);
        await world.Converse(await world.Connect(world.Peer, pod, CaptureContract.HbonePort), await hbone.Next());
        Assert.Equal(FailureKind.Refused, await world.ConnectFails(world.Peer, pod, CaptureContract.PlaintextPort));
        Assert.Equal(0, plaintext.Waiting);

        await world.Converse(await world.Connect(world.Pod, peer, 80), await outbound.Next());
        // A tunnel's connection to the app, from its client's address.
        await world.Converse(await world.Connect(world.Pod, pod, AppPort, Borrowing, peer), await app.Next());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_inner_ports_refuse_whoever_comes_straight_to_them(bool ipv6)
    {
        await using World world = await World.Captured();
        foreach (int port in new[] { CaptureContract.OutboundPort, CaptureContract.PlaintextPort })
        {
            using Acceptor inner = world.Listen(world.Pod, port, ipv6);
            foreach ((LabPod from, IPAddress to) in new[]
            {
                (world.Peer, World.AddressOf(world.Pod, ipv6)),
                (world.Pod, World.AddressOf(world.Pod, ipv6)),
                (world.Pod, ipv6 ? IPAddress.IPv6Loopback : IPAddress.Loopback),
            })
                Assert.Equal(FailureKind.Refused, await world.ConnectFails(from, to, port));
            Assert.Equal(0, inner.Waiting);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Replies_to_a_borrowed_address_come_back_to_the_one_who_borrowed_it(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        IPAddress borrowed = World.AddressOf(world.Peer, ipv6);

        TcpConnection toApp = await world.Connect(world.Pod, World.AddressOf(world.Pod, ipv6), AppPort, Borrowing, borrowed);
        TcpConnection atApp = await app.Next();

        Assert.Equal(borrowed, atApp.RemoteEndPoint.Address);
        await world.Converse(toApp, atApp);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_borrowed_address_and_port_may_be_in_use_by_their_owner(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        using Acceptor plaintext = world.Listen(world.Pod, CaptureContract.PlaintextPort, ipv6);
        (IPAddress pod, IPAddress client) = (World.AddressOf(world.Pod, ipv6), World.AddressOf(world.Peer, ipv6));

        TcpConnection plain = await world.Connect(world.Peer, pod, AppPort);
        TcpConnection captured = await plaintext.Next();
        TcpConnection toApp = await world.Connect(world.Pod, pod, AppPort, Borrowing, client, captured.RemoteEndPoint.Port);
        TcpConnection atApp = await app.Next();

        Assert.Equal(captured.RemoteEndPoint, atApp.RemoteEndPoint);
        await world.Converse(toApp, atApp);
        await world.Converse(plain, captured);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_owner_of_a_borrowed_address_and_port_may_call_from_it(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        using Acceptor plaintext = world.Listen(world.Pod, CaptureContract.PlaintextPort, ipv6);
        (IPAddress pod, IPAddress client) = (World.AddressOf(world.Pod, ipv6), World.AddressOf(world.Peer, ipv6));

        TcpConnection toApp = await world.Connect(world.Pod, pod, AppPort, Borrowing, client, 40_000);
        TcpConnection atApp = await app.Next();
        TcpConnection plain = await world.Connect(world.Peer, pod, AppPort, source: client, sourcePort: 40_000);
        TcpConnection captured = await plaintext.Next();

        Assert.Equal(new IPEndPoint(client, 40_000), captured.RemoteEndPoint);
        await world.Converse(plain, captured);
        await world.Converse(toApp, atApp);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_tunnel_that_crosses_the_end_of_capture_reaches_the_app(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        await world.Nft(PodRules.Drain);

        TcpConnection toApp = await world.Connect(
            world.Pod, World.AddressOf(world.Pod, ipv6), AppPort, Borrowing, World.AddressOf(world.Peer, ipv6));

        await world.Converse(toApp, await app.Next());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_address_borrowed_from_far_away_works_while_its_owner_calls_directly(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        using Acceptor hbone = world.Listen(world.Pod, CaptureContract.HbonePort, ipv6);
        IPAddress far = IPAddress.Parse(ipv6 ? "fd00:beef::5" : "10.99.1.5");

        await world.Converse(await world.Connect(world.Pod, World.AddressOf(world.Pod, ipv6), AppPort, Borrowing, far), await app.Next());
        await world.Converse(await world.Connect(world.Peer, World.AddressOf(world.Pod, ipv6), CaptureContract.HbonePort), await hbone.Next());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Connections_from_before_the_rules_go_on_uncaptured(bool ipv6)
    {
        await using World world = await World.Build();
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        using Acceptor server = world.Listen(world.Peer, 80, ipv6);
        TcpConnection opened = await world.Connect(world.Pod, World.AddressOf(world.Peer, ipv6), 80);
        TcpConnection atServer = await server.Next();
        TcpConnection caller = await world.Connect(world.Peer, World.AddressOf(world.Pod, ipv6), AppPort);
        TcpConnection atApp = await app.Next();

        await world.Install();

        await world.Converse(opened, atServer);
        await world.Converse(atApp, caller);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Captured_connections_outlive_new_rules_a_flush_that_is_repaired_and_the_end_of_capture(bool ipv6)
    {
        await using World world = await World.Captured();
        using Acceptor outbound = world.Listen(world.Pod, CaptureContract.OutboundPort, ipv6);
        using Acceptor plaintext = world.Listen(world.Pod, CaptureContract.PlaintextPort, ipv6);
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        IPAddress pod = World.AddressOf(world.Pod, ipv6);
        (TcpConnection, TcpConnection)[] pairs =
        [
            (await world.Connect(world.Pod, World.AddressOf(world.Peer, ipv6), 80), await outbound.Next()),
            (await world.Connect(world.Peer, pod, AppPort), await plaintext.Next()),
            (await world.Connect(world.Pod, pod, AppPort, Borrowing, World.AddressOf(world.Peer, ipv6)), await app.Next()),
        ];
        foreach (string rules in new[] { PodRules.Install, "flush ruleset\n" + PodRules.Install, PodRules.Drain })
        {
            await world.Nft(rules);
            foreach ((TcpConnection one, TcpConnection other) in pairs)
                await world.Converse(one, other);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Draining_rules_capture_nothing_new(bool ipv6)
    {
        await using World world = await World.Captured();
        await world.Nft(PodRules.Drain);
        using Acceptor app = world.Listen(world.Pod, AppPort, ipv6);
        using Acceptor server = world.Listen(world.Peer, 80, ipv6);

        await world.Converse(await world.Connect(world.Pod, World.AddressOf(world.Peer, ipv6), 80), await server.Next());
        await world.Converse(await world.Connect(world.Peer, World.AddressOf(world.Pod, ipv6), AppPort), await app.Next());
    }

    [Fact]
    public async Task No_connection_slips_through_while_rules_are_replaced()
    {
        await using World world = await World.Captured();
        using Acceptor outbound = world.Listen(world.Pod, CaptureContract.OutboundPort, ipv6: false);
        using Acceptor server = world.Listen(world.Peer, 80, ipv6: false);
        using var enough = new CancellationTokenSource();
        Task replacing = Task.Run(async () =>
        {
            while (!enough.IsCancellationRequested)
                await world.Nft(PodRules.Install);
        });

        for (int round = 0; round < 300; round++)
        {
            await world.Connect(world.Pod, world.Peer.IPv4, 80);
            await outbound.Next();
        }

        await enough.CancelAsync();
        await replacing;
        Assert.Equal(0, server.Waiting);
    }

    [Fact]
    public async Task Link_local_destinations_and_udp_are_left_alone()
    {
        await using World world = await World.Captured();
        await using LabProcess udp = await world.Peer.Start("nc", "-u", "-l", "-W", "1", "9000");
        await world.Peer.Exec("sh", "-c", "until grep -q :2328 /proc/net/udp; do sleep 0.01; done");
        await world.Pod.Exec(new LabCommand("nc", "-u", "-q", "0", $"{world.Peer.IPv4}", "9000") { Input = "datagram" });
        Assert.Equal("datagram", (await udp.WaitForExit()).Output);

        IPAddress linkLocal = world.Peer.NetworkNamespace.Addresses().First(address => address.IsIPv6LinkLocal);
        await using LabProcess server = await world.Peer.Start("nc", "-6", "-l", "80");
        await world.Peer.WaitUntilListening(80, server);
        await world.Pod.Exec(new LabCommand("nc", "-N", $"{new IPAddress(linkLocal.GetAddressBytes())}%eth0", "80") { Input = "neighbour" });
        Assert.Equal("neighbour", (await server.WaitForExit()).Output);
    }

    [Fact]
    public async Task Removed_rules_leave_the_namespace_exactly_as_it_was()
    {
        await using World world = await World.Build();
        await world.Nft("table inet someone { chain c { type filter hook input priority 0; counter; }; }\n");
        string before = await Everything(world.Pod.NetworkNamespace);

        await world.Install();
        Assert.NotEqual(before, await Everything(world.Pod.NetworkNamespace), StringComparer.Ordinal);
        await PodFirewall.Remove(world.Pod.NetworkNamespace, TestContext.Current.CancellationToken);

        Assert.Equal(before, await Everything(world.Pod.NetworkNamespace));
        await PodFirewall.Remove(world.Pod.NetworkNamespace, TestContext.Current.CancellationToken);
        Assert.Equal(before, await Everything(world.Pod.NetworkNamespace));
    }

    [Fact]
    public async Task Every_rule_says_what_it_is_for()
    {
        await using World world = await World.Captured();
        string listing = (await world.Pod.NetworkNamespace.RunProcess("nft", ["list", "ruleset"])).Output;
        string[] rules = [.. listing.Split('\n').Where(line => Verdict().IsMatch(line) && !line.Contains("policy", StringComparison.Ordinal))];

        Assert.Equal(15, rules.Length);
        Assert.All(rules, rule => Assert.Contains("comment \"", rule, StringComparison.Ordinal));
    }

    [Fact]
    public void A_difference_is_told_by_its_first_line()
    {
        const string Listing = "table inet ztunnel {\n\tchain a {\n\t\taccept\n\t}\n}\n";
        Assert.Null(PodRules.Difference(Listing, Listing.Replace("\t", "  ", StringComparison.Ordinal)));
        Assert.Equal("the table inet ztunnel is missing", PodRules.Difference(Listing, "\n"));
        Assert.Equal("'drop' stands where 'accept' should", PodRules.Difference(Listing, Listing.Replace("accept", "drop", StringComparison.Ordinal)));
        Assert.Equal("'}' is missing at the end", PodRules.Difference(Listing, Listing[..^2]));
        Assert.Equal("'more' is too much at the end", PodRules.Difference(Listing, Listing + "more"));
    }

    internal static async Task<string> Everything(NetworkNamespace ns)
    {
        var all = new List<string>();
        foreach (string[] command in new string[][]
        {
            ["nft", "--stateless", "list", "ruleset"], ["ip", "-d", "rule"], ["ip", "-d", "-6", "rule"],
            ["ip", "-d", "route", "show", "table", "all"], ["ip", "-d", "-6", "route", "show", "table", "all"],
        })
            all.Add((await ns.RunProcess(command[0], command[1..])).Output);
        return string.Join("\n", all);
    }

    [GeneratedRegex(@"\b(accept|redirect|reject|set) ", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Verdict();
}
