using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Resources;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>A new agent takes over from the one that runs, as in a rolling update.</summary>
[Collection(nameof(Alone))]
public sealed class UpgradeTests
{
    private const int Restarts = 20;

    [Fact]
    public async Task Twenty_restarts_under_load_fail_no_new_connection_and_no_readiness_probe()
    {
        await using ProcessLab lab = await ProcessLab.WithoutAgents();
        await using EchoServer server = EchoServer.Start(lab.Server);
        var agents = new Dictionary<string, LabProcess>(StringComparer.Ordinal) { ["a"] = await Start(lab, "a"), ["b"] = await Start(lab, "b") };
        await lab.UntilCaptured();
        SteadyTraffic traffic = SteadyTraffic.StartShort(lab.Client, lab.Server.IPv4, clients: 4);
        SteadyTraffic traffic6 = SteadyTraffic.StartShort(lab.Client, lab.Server.IPv6, clients: 2);
        using var done = new CancellationTokenSource();
        Task<int>[] readiness = [Probe(lab.Network.Node("a"), done.Token), Probe(lab.Network.Node("b"), done.Token)];

        for (int restart = 0; restart < Restarts; restart++)
        {
            // The client's node, then the server's.
            string node = restart % 2 == 0 ? "a" : "b";
            LabProcess before = agents[node];
            agents[node] = await Start(lab, node);
            ProcessResult ended = await before.WaitForExit(TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken);
            Assert.True(ended.ExitCode == 0, ended.Output + ended.Error);
            Assert.Contains("0 connections were broken off", ended.Output, StringComparison.Ordinal);
            Assert.Contains("took over", agents[node].Output, StringComparison.Ordinal);
            await traffic.More();
        }

        int connections = await traffic.StopUnharmed() + await traffic6.StopUnharmed();
        await done.CancelAsync();
        int[] probes = await Task.WhenAll(readiness);
        TestContext.Current.TestOutputHelper?.WriteLine($"{connections} connections, {probes.Sum()} readiness probes");
        await agents["b"].WaitForOutput("src.identity=\"spiffe://cluster.local/ns/default/sa/client\"", MeshLab.Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_new_agent_that_dies_before_it_takes_over_leaves_the_old_one_as_it_was()
    {
        await using ProcessLab lab = await ProcessLab.WithoutAgents();
        await using EchoServer server = EchoServer.Start(lab.Server);
        LabProcess agent = await Start(lab, "a");
        await Start(lab, "b");
        await lab.UntilCaptured();
        SteadyTraffic traffic = await SteadyTraffic.Start(lab.Client, lab.Server.IPv4);

        await Task.Run(() =>
        {
            using DescriptorSocket successor = DescriptorSocket.Connect(Path.Combine(RunDirectory(lab, "a"), "upgrade.sock"), MeshLab.Patience)!;
            successor.Send("""{"Step":"Take","Version":1,"Node":"a"}"""u8);
            int sockets = 0;
            for (string said = ""; !said.Contains("AllSent", StringComparison.Ordinal);)
            {
                said = Encoding.UTF8.GetString(successor.Receive(out IReadOnlyList<Microsoft.Win32.SafeHandles.SafeFileHandle> passed));
                Assert.False(said.Length == 0, "the old agent ended the conversation");
                sockets += passed.Count;
                foreach (Microsoft.Win32.SafeHandles.SafeFileHandle each in passed)
                    each.Dispose();
            }

            // Three ports in two families, and two of the diagnostics.
            Assert.Equal(8, sockets);
        });
        await agent.WaitForOutput("did not take over; going on", MeshLab.Patience, TestContext.Current.CancellationToken);

        await traffic.More();
        await traffic.StopUnharmed();

        // It works on its pods again.
        await lab.Client.Exec("nft", "flush", "ruleset");
        await agent.WaitForOutput("they are back", MeshLab.Patience, TestContext.Current.CancellationToken);
        Assert.Equal($"server {lab.Client.IPv4}", await EchoServer.Greeting(lab.Client, lab.Server.IPv4));
        Assert.False(agent.HasExited);
    }

    [Fact]
    public async Task A_new_agent_that_never_learns_of_the_objects_takes_nothing_from_the_old_one()
    {
        DirectoryInfo run = Directory.CreateTempSubdirectory("ztunnel-run-");
        NodeAgentOptions Configure(NodeAgentOptions options) => options with { RunDirectory = run.FullName };
        await using MeshLab mesh = await MeshLab.Start(lab => lab.Node("a").Pod("client").Pod("server"), configure: Configure);
        NodeAgent before = mesh.Agent("a");
        using var gaveUp = new CancellationTokenSource();
        var source = new SilentSource();

        Task starting = mesh.StartAgent("a", options => Configure(options) with { Source = source }, gaveUp.Token);
        await source.Asked.WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken);

        // The old one works on its pods all the while.
        await mesh.Pod("client").Exec("nft", "flush", "ruleset");
        await MeshLab.Eventually("the rules to be back", async () =>
            (await mesh.Pod("client").Exec("nft", "list", "ruleset")).Output.Contains("15001", StringComparison.Ordinal));
        Assert.False(before.HandedOver.IsCompleted);
        await gaveUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting);
        Assert.Same(before, mesh.Agent("a"));
        run.Delete(recursive: true);
    }

    [Fact]
    public async Task Connections_to_pods_that_a_new_agent_enrols_late_wait()
    {
        DirectoryInfo run = Directory.CreateTempSubdirectory("ztunnel-run-");
        NodeAgentOptions Configure(NodeAgentOptions options) => options with { RunDirectory = run.FullName, SettlePatience = TimeSpan.Zero };
        await using MeshLab mesh = await MeshLab.Start(lab => lab.Node("a").Pod("client").Pod("server"), configure: Configure);
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        SteadyTraffic traffic = SteadyTraffic.StartShort(mesh.Pod("client"), mesh.Pod("server").IPv4, clients: 4);
        await traffic.More();

        for (int restart = 0; restart < 3; restart++)
        {
            NodeAgent before = mesh.Agent("a");
            await mesh.StartAgent("a", Configure);
            await before.HandedOver.WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken);
            await before.Drain();
            await before.DisposeAsync();
            await traffic.More();
        }

        await traffic.StopUnharmed();
        run.Delete(recursive: true);
    }

    [Fact]
    public async Task An_agent_that_is_stopped_while_it_hands_over_leaves_its_sockets_to_the_new_one()
    {
        await using ProcessLab lab = await ProcessLab.WithoutAgents();
        LabProcess agent = await Start(lab, "a");
        await lab.UntilCaptured("a", "client");

        await Task.Run(async () =>
        {
            using DescriptorSocket successor = DescriptorSocket.Connect(Path.Combine(RunDirectory(lab, "a"), "upgrade.sock"), MeshLab.Patience)!;
            successor.Send("""{"Step":"Take","Version":2,"Node":"a"}"""u8);
            var sockets = new List<Microsoft.Win32.SafeHandles.SafeFileHandle>();
            for (string said = ""; !said.Contains("AllSent", StringComparison.Ordinal);)
            {
                said = Encoding.UTF8.GetString(successor.Receive(out IReadOnlyList<Microsoft.Win32.SafeHandles.SafeFileHandle> passed));
                sockets.AddRange(passed);
            }

            await agent.Signal("TERM");
            ProcessResult ended = await agent.WaitForExit(TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken);
            Assert.Equal(0, ended.ExitCode);

            // Captured, and waiting for whoever has the sockets now.
            using System.Net.Sockets.Socket waiting = await PodSocket.Connect(lab.Client, lab.Server.IPv4, EchoServer.Port);
            foreach (Microsoft.Win32.SafeHandles.SafeFileHandle each in sockets)
                each.Dispose();
            await waiting.SeesReset();
        });
    }

    private static Task<LabProcess> Start(ProcessLab lab, string node) => AgentProcess.Start(
        lab.Network, node, lab.Manifests, lab.Authority, drainSeconds: 10, "--run-directory", RunDirectory(lab, node));

    private static string RunDirectory(ProcessLab lab, string node) => Path.Combine(lab.Authority, string.Create(CultureInfo.InvariantCulture, $"run-{node}"));

    /// <summary>Asks whether a node is ready, over and over; returns how often it was. Fails when it was not.</summary>
    private static async Task<int> Probe(LabNode node, CancellationToken done)
    {
        int probes = 0;
        for (; !done.IsCancellationRequested; probes++)
        {
            (HttpStatusCode status, string body) = await NodeDiagnostics.Ready(node);
            Assert.True(status == HttpStatusCode.OK, body);
            await Task.Delay(TimeSpan.FromMilliseconds(20), CancellationToken.None);
        }

        return probes;
    }

    /// <summary>A source that says nothing, as an API server that cannot be reached.</summary>
    private sealed class SilentSource : IResourceSource
    {
        private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Completes when it is watched.</summary>
        public Task Asked => _asked.Task;

        public async IAsyncEnumerable<ResourceEvent> Watch([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            _asked.SetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
            yield break;
        }
    }
}
