using System.Net;
using Ztunnel.IO;

namespace Ztunnel.Lab.Tests;

/// <summary>Pods that come and go while the lab runs.</summary>
public sealed class DynamicPodTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_pod_added_to_a_running_lab_is_reached_over_both_families_and_reaches_others()
    {
        await using LabNetwork lab = await LabNetworkTests.TwoNodes();
        LabPod late = await lab.AddPod("b", "late", "elsewhere", cancellationToken: Cancelled);

        Assert.Same(late, lab.Pod("elsewhere/late"));
        Assert.DoesNotContain(late.IPv4, lab.Pods.Where(pod => pod != late).Select(pod => pod.IPv4));
        foreach ((LabHost from, LabHost to) in new (LabHost, LabHost)[]
        {
            (lab.Pod("client"), late), (lab.Pod("far"), late), (lab.Node("b"), late), (late, lab.Pod("client")), (late, lab.Node("a")),
        })
        {
            await using LabProcess listener = await to.Start("nc", "-l", "-k", "7000");
            await using LabProcess listener6 = await to.Start("nc", "-6", "-l", "-k", "7001");
            await to.WaitUntilListening(7000, listener, cancellationToken: Cancelled);
            await to.WaitUntilListening(7001, listener6, cancellationToken: Cancelled);
            Assert.Equal(0, (await from.Exec("nc", "-z", "-w", "5", $"{to.IPv4}", "7000")).ExitCode);
            Assert.Equal(0, (await from.Exec("nc", "-z", "-w", "5", $"{to.IPv6}", "7001")).ExitCode);
        }
    }

    [Fact]
    public async Task A_removed_pod_ends_its_programs_and_leaves_neither_link_nor_name()
    {
        await using LabNetwork lab = await LabNetworkTests.TwoNodes();
        LabPod pod = await lab.AddPod("a", "brief", namespaceName: "uid-1", cancellationToken: Cancelled);
        LabProcess program = await pod.Start("sleep", "1000");
        // As an agent would, someone else holds the namespace for longer.
        using NetworkNamespace held = NetworkNamespace.Open(Path.Combine(lab.NamespaceDirectory, "uid-1"));

        await lab.RemovePod(pod);
        await lab.RemovePod(pod);

        Assert.True(program.HasExited);
        Assert.DoesNotContain(pod, lab.Pods);
        Assert.False(File.Exists(Path.Combine(lab.NamespaceDirectory, "uid-1")));
        Assert.DoesNotContain(pod.IPv4, held.Addresses());
        Assert.DoesNotContain($"{pod.IPv4}", (await lab.Node("a").Exec("ip", "-d", "link")).Output, StringComparison.Ordinal);
        Assert.Equal(2, Ports(await lab.Node("a").Exec("ip", "-o", "link", "show", "master", "pods")));

        static int Ports(ProcessResult links) => links.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length;
    }

    [Fact]
    public async Task An_address_given_back_is_used_again_only_after_the_others()
    {
        NodePlan small = new()
        {
            Name = "small",
            Addresses = [IPAddress.Parse("172.18.0.2")],
            PodRanges = [IPNetwork.Parse("10.244.0.0/29")],
        };
        await using LabNetwork lab = await LabNetwork.Build(new LabPlan { Nodes = [small], Pods = [] }, Cancelled);
        var seen = new List<string>();
        for (int round = 0; round < 7; round++)
        {
            LabPod pod = await lab.AddPod("small", "again", cancellationToken: Cancelled);
            seen.Add($"{pod.IPv4}");
            await lab.RemovePod(pod);
        }

        // .0 is the range, .1 the node, .7 the broadcast address.
        Assert.Equal(["10.244.0.2", "10.244.0.3", "10.244.0.4", "10.244.0.5", "10.244.0.6", "10.244.0.2", "10.244.0.3"], seen);
    }

    [Fact]
    public async Task A_range_that_is_used_up_and_a_name_that_is_taken_are_refused_and_cost_nothing()
    {
        NodePlan small = new()
        {
            Name = "small",
            Addresses = [IPAddress.Parse("172.18.0.2")],
            PodRanges = [IPNetwork.Parse("10.244.0.0/30")],
        };
        await using LabNetwork lab = await LabNetwork.Build(new LabPlan { Nodes = [small], Pods = [] }, Cancelled);
        LabPod only = await lab.AddPod("small", "only", cancellationToken: Cancelled);

        LabException full = await Assert.ThrowsAsync<LabException>(() => lab.AddPod("small", "further", cancellationToken: Cancelled));
        Assert.Equal("node 'small' has no address left for a pod", full.Message);
        await lab.RemovePod(only);
        only = await lab.AddPod("small", "only", cancellationToken: Cancelled);
        Assert.Equal("10.244.0.2", $"{only.IPv4}");

        await using LabNetwork wide = await LabNetworkTests.TwoNodes();
        LabException taken = await Assert.ThrowsAsync<LabException>(() => wide.AddPod("a", "client", cancellationToken: Cancelled));
        Assert.Contains("there is a network namespace 'client' already", taken.Message, StringComparison.Ordinal);
        Assert.Equal(3, wide.Pods.Length);
        Assert.Equal("10.244.0.5", $"{(await wide.AddPod("a", "other", cancellationToken: Cancelled)).IPv4}");
    }

    [Fact]
    public async Task Many_pods_come_and_go_at_once()
    {
        await using LabNetwork lab = await LabNetworkTests.TwoNodes();
        await Task.WhenAll(Enumerable.Range(0, 12).Select(async number =>
        {
            LabPod pod = await lab.AddPod(number % 2 == 0 ? "a" : "b", $"many-{number}", cancellationToken: Cancelled);
            if (number % 3 == 0)
                await lab.RemovePod(pod);
        }));

        Assert.Equal(3 + 8, lab.Pods.Length);
        Assert.Equal(lab.Pods.Length, lab.Pods.Select(pod => pod.IPv4).Distinct().Count());
        LabPod server = lab.Pod("many-2");
        await using LabProcess listener = await server.Start("nc", "-l", "-k", "7000");
        await server.WaitUntilListening(7000, listener, cancellationToken: Cancelled);
        Assert.Equal(0, (await lab.Pod("many-1").Exec("nc", "-z", "-w", "5", $"{server.IPv4}", "7000")).ExitCode);
    }
}
