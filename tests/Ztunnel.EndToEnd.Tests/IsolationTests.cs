using System.Net;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>One pod in trouble: it alone has it, its reason shows, and the traffic of the pod beside it goes on.</summary>
public sealed class IsolationTests
{
    [Fact]
    public async Task A_pod_whose_namespace_vanishes_is_let_go_of_and_nobody_else_notices()
    {
        await using MeshLab mesh = await Start();
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabPod victim = mesh.Pod("victim");
        using EchoClient cutOff = await EchoServer.Connect(victim, mesh.Pod("server").IPv4);
        SteadyTraffic traffic = await SteadyTraffic.Start(mesh.Pod("client"), mesh.Pod("server").IPv4);
        int held = Holders(victim.NetworkNamespace);

        // What a runtime does to a pod's sandbox.
        File.Delete(Path.Combine(mesh.Network.NamespaceDirectory, "victim"));
        Assert.Equal(0, (await victim.Exec("ip", "link", "del", "eth0")).ExitCode);

        await UntilReason(mesh, "victim", "NamespaceAbsent");
        await MeshLab.Eventually("the agent to let go of the namespace", () => Task.FromResult(Holders(victim.NetworkNamespace) < held));
        Assert.Equal("", (await victim.Exec("nft", "list", "ruleset")).Output);
        Assert.Equal(HttpStatusCode.OK, (await NodeDiagnostics.Ready(mesh.Network.Node("a"))).Status);
        mesh.Manifests.Delete("victim.yaml");
        await MeshLab.Eventually("the pod to be forgotten", () => Task.FromResult(!mesh.Agent("a").Pods.Any(pod => pod.Workload.Name == "victim")));
        await traffic.StopUnharmed();
    }

    [Fact]
    public async Task A_pod_whose_address_its_namespace_does_not_hold_is_refused_until_it_does()
    {
        await using MeshLab mesh = await Start(victim => Yaml.Pod(victim)
            .Replace(victim.IPv4.ToString(), "10.244.0.99", StringComparison.Ordinal));
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabPod victim = mesh.Pod("victim");
        SteadyTraffic traffic = await SteadyTraffic.Start(mesh.Pod("client"), mesh.Pod("server").IPv4);

        await UntilReason(mesh, "victim", "AddressMismatch", "10.244.0.99");
        Assert.Equal("", (await victim.Exec("nft", "list", "ruleset")).Output);
        Assert.DoesNotContain(15008, victim.ListeningPorts());

        Assert.Equal(0, (await victim.Exec("ip", "addr", "add", "10.244.0.99/32", "dev", "lo")).ExitCode);
        await mesh.UntilCaptured(victim);
        await traffic.StopUnharmed();
    }

    [Theory]
    [InlineData(15008)]
    [InlineData(15001)]
    [InlineData(15006)]
    public async Task A_pod_that_listens_on_a_port_of_ours_is_told_so_and_enrolled_when_the_port_is_free(int port)
    {
        PodListener? taken = null;
        await using MeshLab mesh = await Start(before: victim => taken = PodListener.Start(victim, port));
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabPod victim = mesh.Pod("victim");
        SteadyTraffic traffic = await SteadyTraffic.Start(mesh.Pod("client"), mesh.Pod("server").IPv4);

        await UntilReason(mesh, "victim", "ListenersFailed", $":{port}", "in use");
        await MeshLab.Eventually("it to be tried again", () => Task.FromResult(mesh.Agent("a").Pods.Any(pod => pod.Workload.Name == "victim" && pod.Attempts > 1)));
        Assert.Equal([port], victim.ListeningPorts());
        Assert.Equal("", (await victim.Exec("nft", "list", "ruleset")).Output);

        taken!.Dispose();
        await mesh.UntilCaptured(victim);
        Assert.Equal($"server {victim.IPv4}", await EchoServer.Greeting(victim, mesh.Pod("server").IPv4));
        await mesh.AccessLine("direction=\"inbound\"", "src.identity=\"spiffe://cluster.local/ns/default/sa/victim\"");
        await traffic.StopUnharmed();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_pod_that_goes_and_comes_over_and_over_ends_enrolled_once(bool anotherUid)
    {
        await using MeshLab mesh = await Start();
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        LabPod victim = mesh.Pod("victim");
        SteadyTraffic traffic = await SteadyTraffic.Start(mesh.Pod("client"), mesh.Pod("server").IPv4);

        string uid = "";
        for (int round = 0; round < 30; round++)
        {
            // A connection under way makes its leaving take time: it is back before it is gone.
            await mesh.UntilCaptured(victim);
            using EchoClient open = await EchoServer.Connect(victim, mesh.Pod("server").IPv4);
            mesh.Manifests.Delete("victim.yaml");
            // Every third time the agent gets to see it gone; else as fast as files can be written.
            if (round % 3 == 0)
                await MeshLab.Eventually("the agent to see it gone", () => Task.FromResult(!mesh.Agent("a").IsEnrolled("default/victim")));
            uid = anotherUid ? $"0000-{round}" : "0000";
            mesh.Manifests.Write("victim.yaml", WithUid(victim, uid));
        }

        await MeshLab.Eventually(
            "one enrolment under the last uid",
            () => Task.FromResult(mesh.Agent("a").Pods.Where(pod => pod.Workload.Name == "victim").ToArray()
                is [{ State: Ztunnel.Capture.EnrolmentState.Enrolled } only] && only.Workload.Uid == uid));
        Assert.Equal($"server {victim.IPv4}", await EchoServer.Greeting(victim, mesh.Pod("server").IPv4));
        await mesh.AccessLine("direction=\"inbound\"", "src.identity=\"spiffe://cluster.local/ns/default/sa/victim\"");
        // While a probe is tried there is one more.
        await MeshLab.Eventually("one set of listeners", () => Task.FromResult(victim.NetworkNamespace.Run(() => Listening("tcp") + Listening("tcp6")) == 6));
        await traffic.StopUnharmed();
    }

    /// <summary>A client and the pod in trouble on one node, a server on another; manifests say what <paramref name="describe"/> makes of the victim.</summary>
    private static async Task<MeshLab> Start(Func<LabPod, string>? describe = null, Action<LabPod>? before = null)
    {
        MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client").Pod("victim", "default");
                lab.Node("b").Pod("server");
            },
            network => Yaml.Join(Yaml.Namespace("default", ambient: true), Yaml.Pod(network.Pod("client")), Yaml.Pod(network.Pod("server"))),
            options => options with { DrainTime = TimeSpan.FromSeconds(1) },
            waitFor: pod => pod.Name != "victim");
        LabPod victim = mesh.Pod("victim");
        before?.Invoke(victim);
        mesh.Manifests.Write("victim.yaml", (describe ?? (pod => WithUid(pod, "0000")))(victim));
        if (describe is null && before is null)
            await mesh.UntilCaptured(victim);
        return mesh;
    }

    private static string WithUid(LabPod pod, string uid) =>
        Yaml.Pod(pod).Replace($"name: {pod.Name}\n  namespace", $"name: {pod.Name}\n  uid: \"{uid}\"\n  namespace", StringComparison.Ordinal);

    private static Task UntilReason(MeshLab mesh, string pod, params string[] parts) => MeshLab.Eventually(
        $"{pod} to be shown with {string.Join(", ", parts)}",
        async () => await NodeDiagnostics.Reason(mesh.Network.Node("a"), pod) is { } reason && parts.All(part => reason.Contains(part, StringComparison.Ordinal)));

    /// <summary>How many descriptors of this process keep a namespace alive; the lab's own is one.</summary>
    private static int Holders(NetworkNamespace ns) => Directory.EnumerateFiles("/proc/self/fd")
        .Count(file => new FileInfo(file).LinkTarget == $"net:[{ns.Inode}]");

    /// <summary>The agent's listening sockets in the calling thread's namespace.</summary>
    private static int Listening(string table) => File.ReadLines($"/proc/thread-self/net/{table}")
        .Count(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, "0A", ..]);
}
