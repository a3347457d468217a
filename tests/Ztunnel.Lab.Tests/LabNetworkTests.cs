using System.Net;
using Ztunnel.IO;

namespace Ztunnel.Lab.Tests;

public sealed class LabNetworkTests
{
    public static TheoryData<string, bool> Pairs => new()
    {
        { "near", false }, { "near", true }, { "far", false }, { "far", true },
    };

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task A_pod_reaches_pods_of_its_own_and_of_another_node_over_both_families(string server, bool ipv6)
    {
        await using LabNetwork lab = await TwoNodes();
        IPAddress address = ipv6 ? lab.Pod(server).IPv6 : lab.Pod(server).IPv4;
        await using LabProcess listener = await lab.Pod(server).Start("nc", ipv6 ? "-6" : "-4", "-n", "-l", "-v", "7000");
        await lab.Pod(server).WaitUntilListening(7000, listener);

        ProcessResult sent = await lab.Pod("client").Exec(new LabCommand("nc", "-N", $"{address}", "7000") { Input = "hello" });
        ProcessResult received = await listener.WaitForExit();

        Assert.Equal(0, sent.ExitCode);
        Assert.Equal("hello", received.Output);
        Assert.Contains($"{(ipv6 ? lab.Pod("client").IPv6 : lab.Pod("client").IPv4)}", received.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_node_and_its_pods_reach_each_other_and_the_other_node()
    {
        await using LabNetwork lab = await TwoNodes();
        foreach ((LabHost from, LabHost to) in new (LabHost, LabHost)[]
        {
            (lab.Node("a"), lab.Pod("client")), (lab.Node("a"), lab.Pod("far")), (lab.Node("a"), lab.Node("b")),
            (lab.Pod("client"), lab.Node("a")), (lab.Pod("client"), lab.Node("b")),
        })
        {
            await using LabProcess listener = await to.Start("nc", "-l", "-k", "7000");
            await using LabProcess listener6 = await to.Start("nc", "-6", "-l", "-k", "7001");
            await to.WaitUntilListening(7000, listener);
            await to.WaitUntilListening(7001, listener6);
            Assert.Equal(0, (await from.Exec("nc", "-z", "-w", "5", $"{to.IPv4}", "7000")).ExitCode);
            Assert.Equal(0, (await from.Exec("nc", "-z", "-w", "5", $"{to.IPv6}", "7001")).ExitCode);
        }
    }

    [Fact]
    public async Task The_directory_names_each_pods_namespace()
    {
        await using LabNetwork lab = await TwoNodes();
        using NetworkNamespace found = NetworkNamespace.Open(Path.Combine(lab.NamespaceDirectory, "far"));
        using NetworkNamespace node = NetworkNamespace.Open(Path.Combine(lab.NodeNamespaceDirectory, "b"));

        Assert.Equal(lab.Pod("far").NetworkNamespace.Inode, found.Inode);
        Assert.Equal(lab.Node("b").NetworkNamespace.Inode, node.Inode);
        Assert.Contains(lab.Pod("far").IPv4, found.Addresses());
        Assert.Contains(lab.Pod("far").IPv6, found.Addresses());
    }

    [Fact]
    public async Task A_program_in_a_pod_sees_only_the_pods_processes_and_ends_with_all_it_started()
    {
        await using LabNetwork lab = await TwoNodes();
        string marker = $"{Random.Shared.Next(100_000, 999_999)}.25";
        LabProcess process = await lab.Pod("client").Start("sh", "-c", $"sleep {marker} & sleep {marker} & ps -e | wc -l; echo ready; wait");
        await process.WaitForOutput("ready", TimeSpan.FromSeconds(10));

        Assert.Contains(Commands(), command => command.Contains($"sleep\0{marker}", StringComparison.Ordinal));
        Assert.True(int.Parse(process.Output.Split('\n')[0]) < 10, process.Output);
        await process.DisposeAsync();
        await Until(() => !Commands().Any(command => command.Contains($"sleep\0{marker}", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task A_program_that_takes_too_long_is_ended_and_named()
    {
        await using LabNetwork lab = await TwoNodes();
        LabException late = await Assert.ThrowsAsync<LabException>(
            () => lab.Pod("client").Exec(new LabCommand("sh", "-c", "echo begun; sleep 60") { Timeout = TimeSpan.FromMilliseconds(500) }));
        Assert.Contains("pod default/client took longer than 0.5 s: begun", late.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Waiting_for_a_server_that_died_says_what_it_said()
    {
        await using LabNetwork lab = await TwoNodes();
        await using LabProcess dying = await lab.Pod("far").Start("sh", "-c", "echo no such module >&2; exit 3");
        LabException died = await Assert.ThrowsAsync<LabException>(() => lab.Pod("far").WaitUntilListening(80, dying));
        Assert.Contains("no such module", died.Message, StringComparison.Ordinal);
        Assert.Contains("exit code 3", died.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_on_a_node_that_is_not_there_is_refused()
    {
        LabPlan plan = new()
        {
            Nodes = [],
            Pods = [new PodPlan { Name = "lost", Node = "nowhere", Addresses = [IPAddress.Parse("10.0.0.2")] }],
        };
        LabException refused = await Assert.ThrowsAsync<LabException>(() => LabNetwork.Build(plan));
        Assert.Equal("pod default/lost: there is no node 'nowhere'", refused.Message);
    }

    [Fact]
    public async Task A_pod_outside_its_nodes_range_and_a_second_use_of_an_address_are_refused()
    {
        var builder = new LabBuilder();
        builder.Node("a").Pod("one").Pod("two");
        LabPlan plan = builder.ToPlan();
        LabPlan outside = plan with { Pods = [plan.Pods[0] with { Addresses = [IPAddress.Parse("10.99.0.2")] }] };
        LabPlan twice = plan with { Pods = [plan.Pods[0], plan.Pods[1] with { Addresses = plan.Pods[0].Addresses }] };

        Assert.Contains("10.99.0.2 is in no pod range of node 'a'", (await Assert.ThrowsAsync<LabException>(() => LabNetwork.Build(outside))).Message, StringComparison.Ordinal);
        Assert.Contains("the address '10.244.0.2' is there twice", (await Assert.ThrowsAsync<LabException>(() => LabNetwork.Build(twice))).Message, StringComparison.Ordinal);
    }

    internal static Task<LabNetwork> TwoNodes() => LabNetwork.Build(lab =>
    {
        lab.Node("a").Pod("client").Pod("near");
        lab.Node("b").Pod("far");
    });

    internal static async Task Until(Func<bool> met)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (!met())
            await timer.WaitForNextTickAsync(deadline.Token);
    }

    private static string[] Commands() => [.. Directory.EnumerateDirectories("/proc").Select(directory => Path.Combine(directory, "cmdline")).Select(ReadOrEmpty)];

    private static string ReadOrEmpty(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : "";
        }
        catch (IOException)
        {
            return "";
        }
    }
}
