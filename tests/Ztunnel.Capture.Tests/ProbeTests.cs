using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Capture.Tests;

/// <summary>Connections from the node itself to an enrolled pod, as the kubelet's probes are.</summary>
public sealed class ProbeTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_root_on_the_node_opens_passes_by_the_proxy_and_what_anybody_else_opens_does_not(bool ipv6)
    {
        await using World world = await World.Build();
        using Acceptor app = world.Listen(world.Pod, 80, ipv6);
        await using var proxy = new PlaintextOnly(world, ipv6);
        await using PodEnroller enroller = proxy.Enrol();
        await Probed(enroller, works: true);
        IPAddress pod = World.AddressOf(world.Pod, ipv6);

        TcpConnection probe = await world.Connect(world.Lab.Node("node"), pod, 80);
        TcpConnection arrived = await app.Next();
        await world.Converse(probe, arrived);
        Assert.Equal(ipv6 ? ProbeSource.IPv6 : ProbeSource.IPv4, arrived.RemoteEndPoint.Address);

        await world.Converse(await world.Connect(world.Peer, pod, 80), await proxy.Plaintext!.Next());
        ProcessResult nobody = await world.Lab.Node("node").Exec(new LabCommand(
            "setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", "nc", "-zw", "5", pod.ToString(), "80"]));
        Assert.True(nobody.ExitCode == 0, nobody.Error);
        await proxy.Plaintext.Next();
        Assert.Equal(0, app.Waiting);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pod_that_takes_the_probes_address_for_itself_gets_no_answer(bool ipv6)
    {
        await using World world = await World.Build();
        using Acceptor app = world.Listen(world.Pod, 80, ipv6);
        await using var proxy = new PlaintextOnly(world, ipv6);
        await using PodEnroller enroller = proxy.Enrol();
        await Probed(enroller, works: true);
        IPAddress source = ipv6 ? ProbeSource.IPv6 : ProbeSource.IPv4;
        await world.Peer.Exec("ip", "addr", "add", $"{source}/{(ipv6 ? 128 : 32)}", "dev", "eth0");

        ChannelException refused = await Assert.ThrowsAsync<ChannelException>(
            () => world.Connect(world.Peer, World.AddressOf(world.Pod, ipv6), 80, new TcpOptions { Transparent = true }, source));
        Assert.Equal(FailureKind.TimedOut, refused.Failure.Kind);
        Assert.Equal(0, app.Waiting);
        Assert.Equal(0, proxy.Plaintext!.Waiting);
    }

    [Fact]
    public async Task A_node_that_translates_probes_otherwise_is_found_out_and_the_pod_stays_enrolled_until_they_work()
    {
        await using World world = await World.Build();
        LabNode node = world.Lab.Node("node");
        ProcessResult masquerade = await node.NetworkNamespace.RunProcess("nft", ["-f", "-"], """
            table inet other { chain first { type nat hook postrouting priority srcnat - 10; ip daddr 10.244.0.0/24 masquerade; }; }
            """);
        Assert.True(masquerade.ExitCode == 0, masquerade.Error);
        await using var proxy = new PlaintextOnly(world, ipv6: false);
        await using PodEnroller enroller = proxy.Enrol();

        ProbeStatus fails = await Probed(enroller, works: false);
        Assert.StartsWith($"a connection from the node to {world.Pod.IPv4} was accepted, but not by whom", fails.Detail, StringComparison.Ordinal);
        Assert.IsType<EnrolmentState.Enrolled>(enroller.Snapshot().Single().State);

        await node.Exec("nft", "delete", "table", "inet", "other");
        ProbeStatus works = await Probed(enroller, works: true);
        Assert.Equal($"seen at {world.Pod.IPv4} from {ProbeSource.IPv4}, {world.Pod.IPv6} from {ProbeSource.IPv6}", works.Detail);
    }

    [Fact]
    public async Task Rules_on_the_node_are_put_back_outlive_the_agent_lose_pods_that_are_gone_and_go_with_the_last()
    {
        await using World world = await World.Build();
        NetworkNamespace node = world.Lab.Node("node").NetworkNamespace;
        await using var proxy = new PlaintextOnly(world, ipv6: false);
        string before = await Agent.Rules(node);
        await using (PodEnroller first = proxy.Enrol())
        {
            await Probed(first, works: true);
            string whole = await Agent.Rules(node);
            await node.RunProcess("nft", ["flush", "ruleset"]);
            await Agent.Until(() => Agent.Rules(node).Result == whole, () => Agent.Rules(node).Result, "the node has {0}");
        }

        Assert.Contains(world.Pod.IPv4.ToString(), await Agent.Rules(node), StringComparison.Ordinal);
        await node.RunProcess("nft", ["add", "element", "inet", NodeRules.Table, "pods4", "{ 10.244.0.99 }"]);
        await using PodEnroller next = proxy.Enrol();
        await Probed(next, works: true);
        await Agent.Until(
            () => !Agent.Rules(node).Result.Contains("10.244.0.99", StringComparison.Ordinal), () => Agent.Rules(node).Result, "the node has {0}");
        Assert.Contains(world.Pod.IPv4.ToString(), await Agent.Rules(node), StringComparison.Ordinal);

        proxy.Mesh.RemoveWorkload(world.Pod.ToWorkload().Uid);
        await Agent.Until(
            () => !Agent.Rules(node).Result.Contains(world.Pod.IPv4.ToString(), StringComparison.Ordinal), () => Agent.Rules(node).Result, "the node has {0}");
        await next.ReleaseAll(TestContext.Current.CancellationToken);
        Assert.Equal(before, await Agent.Rules(node));
    }

    private static async Task<ProbeStatus> Probed(PodEnroller enroller, bool works)
    {
        ProbeStatus? found = null;
        await Agent.Until(
            () => (found = enroller.Snapshot().FirstOrDefault()?.Probes)?.Works == works, () => found, $"probes that work should be {works}, but {{0}}");
        return found!;
    }

    /// <summary>A proxy that accepts what comes to a pod in the clear and goes no further, and the model it belongs to.</summary>
    private sealed class PlaintextOnly(World world, bool ipv6) : IPodListeners, IPodSession, IAsyncDisposable
    {
        public MeshState Mesh { get; } = new();

        public Acceptor? Plaintext { get; private set; }

        public PodEnroller Enrol()
        {
            Mesh.Put(world.Pod.ToWorkload());
            CaptureOptions options = new()
            {
                Node = "node",
                NamespaceDirectory = world.Lab.NamespaceDirectory,
                NodeNamespace = world.Lab.Node("node").NetworkNamespace,
                Probes = ProbePath.LinkLocal,
                ProbeRetry = TimeSpan.FromMilliseconds(500),
                SweepInterval = TimeSpan.FromMilliseconds(500),
            };
            var enroller = new PodEnroller(options, this, world.Loop, NullLogger<PodEnroller>.Instance);
            enroller.Follow(Mesh);
            return enroller;
        }

        public ValueTask<IPodSession> Start(Workload workload, NetworkNamespace networkNamespace, CancellationToken cancellationToken)
        {
            Plaintext?.Dispose();
            Plaintext = new Acceptor(
                world.Loop, networkNamespace, new IPEndPoint(ipv6 ? IPAddress.IPv6Any : IPAddress.Any, CaptureContract.PlaintextPort));
            return ValueTask.FromResult<IPodSession>(this);
        }

        public Task Drain()
        {
            Plaintext!.Dispose();
            return Task.CompletedTask;
        }

        public ValueTask DisposeAsync()
        {
            Plaintext?.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
