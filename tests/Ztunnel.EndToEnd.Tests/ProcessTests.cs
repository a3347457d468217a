using System.Collections.Immutable;
using System.Diagnostics;
using System.Net.Sockets;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>The program itself: <c>ztunnel node</c> from its command line to its exit code.</summary>
public sealed class ProcessTests
{
    [Fact]
    public async Task SIGTERM_refuses_new_connections_lets_an_open_transfer_finish_and_ends_with_success()
    {
        await using ProcessLab lab = await ProcessLab.Start(drainSeconds: 30);
        await using EchoServer server = EchoServer.Start(lab.Server);
        using EchoClient open = await EchoServer.Connect(lab.Client, lab.Server.IPv4);
        Assert.Equal($"server {lab.Client.IPv4}", open.Greeting);

        await lab.ClientAgent.Signal("TERM");
        await lab.ClientAgent.WaitForOutput("stopping: waiting", MeshLab.Patience, TestContext.Current.CancellationToken);
        await MeshLab.Eventually("new connections to be refused", async () => await Refused(lab));

        // Longer than the grace that command line libraries give a handler by default.
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < TimeSpan.FromSeconds(4))
            Assert.Equal("more", await open.Echo("more"));
        Assert.False(lab.ClientAgent.HasExited);
        await open.Close();

        ProcessResult result = await lab.ClientAgent.WaitForExit(TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.Contains("0 connections were broken off", result.Output, StringComparison.Ordinal);
        // Nothing leaves in the clear while the agent is away.
        Assert.True(await Refused(lab));
    }

    [Fact]
    public async Task A_connection_that_outlives_the_drain_is_cut_and_the_agent_ends_with_success()
    {
        await using ProcessLab lab = await ProcessLab.Start(drainSeconds: 3);
        await using EchoServer server = EchoServer.Start(lab.Server);
        using EchoClient open = await EchoServer.Connect(lab.Client, lab.Server.IPv4);

        await lab.ServerAgent.Signal("TERM");
        await open.UntilOver();

        ProcessResult result = await lab.ServerAgent.WaitForExit(TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.True(result.Output.Contains("1 connections were broken off", StringComparison.Ordinal), result.Output);
    }

    [Fact]
    public async Task An_agent_that_starts_again_takes_its_pods_over()
    {
        await using ProcessLab lab = await ProcessLab.Start(drainSeconds: 1);
        await using EchoServer server = EchoServer.Start(lab.Server);
        await lab.ServerAgent.DisposeAsync(); // SIGKILL
        await using LabProcess again = await AgentProcess.Start(lab.Network, "b", lab.Manifests, lab.Authority, drainSeconds: 1);

        await MeshLab.Eventually(
            "the server to be reached through its new agent",
            async () => await EchoServer.Greeting(lab.Client, lab.Server.IPv4) == $"server {lab.Client.IPv4}");
        await again.WaitForOutput("src.identity=\"spiffe://cluster.local/ns/default/sa/client\"", MeshLab.Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task What_cannot_be_run_is_said_clearly_with_a_failing_exit_code()
    {
        await using ProcessLab lab = await ProcessLab.WithoutAgents();
        string empty = Directory.CreateDirectory(Path.Combine(lab.Authority, "empty")).FullName;
        string[] usable = ["--manifests", lab.Manifests, "--netns-dir", lab.Network.NamespaceDirectory];

        await Fails(lab, "--node", usable);
        await Fails(lab, "--manifests", "--node", "a");
        await Fails(lab, "--workers", ["--node", "a", "--workers", "0", .. usable]);
        await Fails(lab, "--admin", ["--node", "a", "--admin", "nonsense", .. usable]);
        await Fails(lab, "/no/such/directory", "--node", "a", "--manifests", "/no/such/directory");
        await Fails(lab, "ca-cert.pem", ["--node", "a", "--ca-directory", empty, .. usable]);

        await using LabProcess first = await AgentProcess.Start(lab.Network, "a", lab.Manifests, lab.Authority, drainSeconds: 1);
        await Fails(lab, "15021", ["--node", "a", .. usable]);
    }

    [Fact]
    public async Task On_a_host_without_IPv6_readiness_is_answered_at_its_IPv4_addresses_unless_told_otherwise()
    {
        await using ProcessLab lab = await ProcessLab.WithoutAgents();
        var without = ImmutableDictionary<string, string>.Empty.Add("DOTNET_SYSTEM_NET_DISABLEIPV6", "1");

        ProcessResult with = await lab.Network.Node("a").Exec(AgentProcess.Command("--help"));
        ProcessResult plain = await lab.Network.Node("a").Exec(AgentProcess.Command("--help") with { Environment = without });

        Assert.Contains("[::]:15021", with.Output, StringComparison.Ordinal);
        Assert.Contains("0.0.0.0:15021", plain.Output, StringComparison.Ordinal);
    }

    private static async Task Fails(ProcessLab lab, string saying, params string[] arguments)
    {
        ProcessResult result = await lab.Network.Node("a").Exec(AgentProcess.Command(arguments));
        string said = result.Output + result.Error;
        Assert.True(result.ExitCode != 0, $"exit code 0 for {string.Join(' ', arguments)}: {said}");
        Assert.Contains(saying, said, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
    }

    private static async Task<bool> Refused(ProcessLab lab)
    {
        try
        {
            using EchoClient client = await EchoServer.Connect(lab.Client, lab.Server.IPv4);
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused;
        }
    }
}
