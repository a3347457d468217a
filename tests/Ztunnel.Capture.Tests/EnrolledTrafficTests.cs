using System.Net;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Capture.Tests;

/// <summary>What enrolling, stopping and releasing mean for a pod's connections.</summary>
public sealed class EnrolledTrafficTests
{
    [Fact]
    public async Task Traffic_is_captured_while_an_agent_is_there_refused_while_none_is_and_direct_once_the_pod_is_released()
    {
        await using World world = await World.Build();
        using Acceptor server = world.Listen(world.Peer, 80, ipv6: false);
        var mesh = new MeshState();
        var proxy = new OutboundOnly(world);
        mesh.Put(world.Pod.ToWorkload());

        await using (PodEnroller first = await Enrolled(world, mesh, proxy))
            await world.Converse(await world.Connect(world.Pod, world.Peer.IPv4, 80), await proxy.Outbound!.Next());
        proxy.Outbound!.Dispose();
        Assert.Equal(FailureKind.Refused, await world.ConnectFails(world.Pod, world.Peer.IPv4, 80));

        await using PodEnroller next = await Enrolled(world, mesh, proxy);
        TcpConnection underWay = await world.Connect(world.Pod, world.Peer.IPv4, 80);
        TcpConnection captured = await proxy.Outbound!.Next();
        mesh.Put(world.Pod.ToWorkload(enrolment: Enrolment.NotLabelled));
        await Agent.Until(() => proxy.Draining, () => next.Snapshot().Length, "{0} pods");

        await world.Converse(await world.Connect(world.Pod, world.Peer.IPv4, 80), await server.Next());
        await world.Converse(underWay, captured);
        proxy.Drained.SetResult();
        await Agent.Until(() => next.Snapshot().IsEmpty, () => next.Snapshot().Length, "{0} pods");
        await world.Converse(await world.Connect(world.Pod, world.Peer.IPv4, 80), await server.Next());
    }

    private static async Task<PodEnroller> Enrolled(World world, MeshState mesh, IPodListeners proxy)
    {
        CaptureOptions options = new() { Node = "node", NamespaceDirectory = world.Lab.NamespaceDirectory, NodeNamespace = world.Lab.Node("node").NetworkNamespace };
        var enroller = new PodEnroller(options, proxy, world.Loop, NullLogger<PodEnroller>.Instance);
        enroller.Follow(mesh);
        await Agent.Until(() => enroller.Snapshot() is [{ State: EnrolmentState.Enrolled }], () => enroller.Snapshot().Length, "{0} pods");
        return enroller;
    }

    /// <summary>A proxy that accepts what a pod opens and goes no further.</summary>
    private sealed class OutboundOnly(World world) : IPodListeners, IPodSession
    {
        private volatile bool _draining;

        public Acceptor? Outbound { get; private set; }

        public bool Draining => _draining;

        public TaskCompletionSource Drained { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ValueTask<IPodSession> Start(Workload workload, NetworkNamespace networkNamespace, CancellationToken cancellationToken)
        {
            Outbound = new Acceptor(world.Loop, networkNamespace, new IPEndPoint(IPAddress.Any, CaptureContract.OutboundPort));
            return ValueTask.FromResult<IPodSession>(this);
        }

        public Task Drain()
        {
            Outbound!.Dispose();
            _draining = true;
            return Drained.Task;
        }
    }
}
