using System.Diagnostics;
using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

public sealed class PodEnrollerTests
{
    [Fact]
    public async Task An_ambient_pod_of_this_node_is_enrolled_and_no_other()
    {
        await using var agent = new Agent();
        NetworkNamespace other = await agent.MakeNamespace("other", "10.0.0.2");
        agent.Mesh.Put(Agent.Workload("other", "10.0.0.2") with { Node = "elsewhere" });
        agent.Mesh.Put(Agent.Workload("plain", "10.0.0.3") with { Enrolment = Enrolment.NotLabelled });
        (_, NetworkNamespace ns) = await agent.Enrol("pod");

        Assert.Contains("redirect to :15001", await Agent.Rules(ns), StringComparison.Ordinal);
        Assert.Equal("", await Agent.Rules(other));
        Assert.Equal(["start pod"], agent.Proxies.Events);
        PodStatus status = Assert.Single(agent.Enroller.Snapshot());
        Assert.Equal(Path.Combine(agent.Directory, "pod"), status.NetworkNamespace);
        Assert.Equal(0, status.Attempts);
    }

    [Fact]
    public async Task Listeners_are_open_before_rules_lead_to_them_and_closed_after_none_does()
    {
        await using var agent = new Agent();
        string atStart = "?";
        agent.Proxies.Starting = async (_, ns) => atStart = await Agent.Rules(ns);
        agent.Proxies.HoldDrains = true;
        (Workload pod, NetworkNamespace ns) = await agent.Enrol("pod");
        Assert.Equal("", atStart);

        agent.Mesh.Put(pod with { Enrolment = Enrolment.OptedOut });
        await agent.Until("pod", _ => agent.Proxies.Events is [_, "drain pod"]);

        Assert.DoesNotContain("redirect", await Agent.Rules(ns), StringComparison.Ordinal);
        Assert.Contains("hook output priority -100", await Agent.Rules(ns), StringComparison.Ordinal);
        Assert.Equal(new EnrolmentState.Removing(), agent.Status("pod")!.State);
    }

    [Fact]
    public async Task When_the_label_goes_everything_goes_after_the_last_connection()
    {
        await using var agent = new Agent();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string before = await PodRulesTests.Everything(ns);
        Workload pod = Agent.Workload("pod", "10.0.0.1");
        agent.Proxies.HoldDrains = true;
        agent.Mesh.Put(pod);
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);

        agent.Mesh.Put(pod with { Enrolment = Enrolment.NotLabelled });
        await agent.Until("pod", _ => agent.Proxies.Events is [_, "drain pod"]);
        Assert.NotEqual(before, await PodRulesTests.Everything(ns), StringComparer.Ordinal);
        agent.Proxies.Sessions.Single().Ended.SetResult();
        await agent.UntilGone("pod");

        Assert.Equal(before, await PodRulesTests.Everything(ns));
    }

    [Fact]
    public async Task A_session_that_fails_to_end_in_order_is_removed_all_the_same()
    {
        await using var agent = new Agent();
        agent.Proxies.HoldDrains = true;
        (Workload pod, NetworkNamespace ns) = await agent.Enrol("pod");
        agent.Mesh.RemoveWorkload(pod.Uid);
        agent.Proxies.Sessions.Single().Ended.SetException(new InvalidOperationException("stuck"));
        await agent.UntilGone("pod");
        Assert.Equal("", await Agent.Rules(ns));
    }

    [Fact]
    public async Task A_namespace_without_all_of_the_pods_addresses_is_refused_untouched_until_it_has_them()
    {
        await using var agent = new Agent();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string before = await PodRulesTests.Everything(ns);
        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1", "fd00::1"));

        EnrolmentState.Failed failed = await agent.UntilFailed("pod");

        Assert.Equal(EnrolmentFailure.AddressMismatch, failed.Reason);
        Assert.EndsWith("/pod does not hold the pod's address fd00::1", failed.Detail, StringComparison.Ordinal);
        Assert.Equal(before, await PodRulesTests.Everything(ns));
        Assert.Empty(agent.Proxies.Events);

        await Agent.Hold(ns, "fd00::1");
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
    }

    [Fact]
    public async Task An_enrolled_pod_whose_address_becomes_another_is_released()
    {
        await using var agent = new Agent();
        (Workload pod, NetworkNamespace ns) = await agent.Enrol("pod");

        agent.Mesh.Put(pod with { Addresses = [IPAddress.Parse("10.0.0.77")] });

        Assert.Equal(EnrolmentFailure.AddressMismatch, (await agent.UntilFailed("pod")).Reason);
        await Agent.Until(() => !Agent.Rules(ns).Result.Contains("ztunnel", StringComparison.Ordinal), () => "", "rules are left");
    }

    [Fact]
    public async Task The_nodes_namespace_and_the_agents_own_are_refused()
    {
        using NetworkNamespace node = NetworkNamespace.Create();
        await using var agent = new Agent(options => options with { NodeNamespace = node });
        agent.Mesh.Put(Agent.Workload("a", "127.0.0.1") with { NetworkNamespace = node.Path });
        agent.Mesh.Put(Agent.Workload("b", "127.0.0.1") with { NetworkNamespace = "/proc/self/ns/net" });

        Assert.Equal(EnrolmentFailure.NodeNamespace, (await agent.UntilFailed("a")).Reason);
        Assert.Equal(EnrolmentFailure.NodeNamespace, (await agent.UntilFailed("b")).Reason);
        Assert.Equal("", await Agent.Rules(node));
    }

    [Fact]
    public async Task A_namespace_that_is_not_there_is_waited_for()
    {
        await using var agent = new Agent();
        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1"));
        EnrolmentState.Failed failed = await agent.UntilFailed("pod");
        Assert.Equal(EnrolmentFailure.NamespaceAbsent, failed.Reason);
        Assert.Contains($"{agent.Directory}/pod: No such file or directory", failed.Detail, StringComparison.Ordinal);

        await agent.MakeNamespace("pod", "10.0.0.1");
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
    }

    [Theory]
    [InlineData(null, EnrolmentFailure.NamespaceNotNamed)]
    [InlineData("", EnrolmentFailure.NamespaceNotNamed)]
    [InlineData("nul\0l", EnrolmentFailure.NamespaceNotNamed)]
    [InlineData("/etc/passwd", EnrolmentFailure.NotANetworkNamespace)]
    [InlineData("../../../../../no/such", EnrolmentFailure.NamespaceAbsent)]
    public async Task A_name_that_leads_to_no_namespace_is_refused_by_reason(string? name, EnrolmentFailure reason)
    {
        await using var agent = new Agent();
        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1") with { NetworkNamespace = name });
        Assert.Equal(reason, (await agent.UntilFailed("pod")).Reason);
    }

    [Fact]
    public async Task A_pod_without_an_address_waits_for_one()
    {
        await using var agent = new Agent();
        await agent.MakeNamespace("pod", "10.0.0.1");
        agent.Mesh.Put(Agent.Workload("pod"));
        await agent.Until("pod", status => status?.State is EnrolmentState.Pending { Detail: "it has no IP address yet" });

        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1"));
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
    }

    [Fact]
    public async Task Two_pods_cannot_be_enrolled_in_one_namespace_but_the_second_takes_over_from_the_first()
    {
        await using var agent = new Agent();
        (Workload first, NetworkNamespace ns) = await agent.Enrol("first");
        agent.Mesh.Put(Agent.Workload("second", "10.0.0.1") with { NetworkNamespace = "first" });
        EnrolmentState.Failed failed = await agent.UntilFailed("second");
        Assert.Equal(EnrolmentFailure.NamespaceTaken, failed.Reason);
        Assert.Contains("pod default/first (uid uid-first)", failed.Detail, StringComparison.Ordinal);

        agent.Mesh.RemoveWorkload(first.Uid);
        await agent.Until("second", status => status?.State is EnrolmentState.Enrolled);

        Assert.Contains("redirect to :15001", await Agent.Rules(ns), StringComparison.Ordinal);
        Assert.Equal(["start first", "drain first", "start second"], agent.Proxies.Events);
    }

    [Fact]
    public async Task Listeners_that_cannot_be_opened_are_told_and_tried_again_and_no_rule_leads_to_them()
    {
        await using var agent = new Agent();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        bool works = false;
        agent.Proxies.Starting = (_, _) => Volatile.Read(ref works) ? Task.CompletedTask : throw new IOException("address in use: 0.0.0.0:15008");
        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1"));

        Assert.Equal(new EnrolmentState.Failed(EnrolmentFailure.ListenersFailed, "address in use: 0.0.0.0:15008"), await agent.UntilFailed("pod"));
        Assert.Equal("", await Agent.Rules(ns));
        await agent.Until("pod", status => status?.Attempts > 2);

        Volatile.Write(ref works, true);
        await agent.Until("pod", status => status is { State: EnrolmentState.Enrolled, Attempts: 0 });
    }

    [Fact]
    public async Task Adding_deleting_and_adding_again_ends_enrolled_with_every_start_after_the_drain_before_it()
    {
        await using var agent = new Agent();
        (Workload pod, NetworkNamespace ns) = await agent.Enrol("pod");
        for (int round = 0; round < 20; round++)
        {
            agent.Mesh.RemoveWorkload(pod.Uid);
            if (round % 3 == 0)
                await agent.Until("pod", status => status?.State is not EnrolmentState.Enrolled);
            agent.Mesh.Put(pod);
        }

        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled && agent.Proxies.Events.Count % 2 == 1);
        Assert.All(agent.Proxies.Events.Index(), each => Assert.Equal(each.Index % 2 == 0 ? "start pod" : "drain pod", each.Item));
        Assert.Contains("redirect to :15001", await Agent.Rules(ns), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_that_comes_back_while_it_drains_is_captured_at_once()
    {
        await using var agent = new Agent();
        agent.Proxies.HoldDrains = true;
        (Workload pod, NetworkNamespace ns) = await agent.Enrol("pod");
        agent.Mesh.RemoveWorkload(pod.Uid);
        await agent.Until("pod", status => status?.State is EnrolmentState.Removing);

        agent.Mesh.Put(pod);
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        Assert.Contains("redirect to :15001", await Agent.Rules(ns), StringComparison.Ordinal);

        Assert.True(agent.Proxies.Sessions.TryDequeue(out Proxies.Session? first));
        first.Ended.SetResult();
        // What the first session's end does is done when a later change has been seen to.
        agent.Mesh.Put(pod with { Ready = true });
        await agent.Until("pod", status => status is { Workload.Ready: true, State: EnrolmentState.Enrolled });
        Assert.Contains("redirect to :15001", await Agent.Rules(ns), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stopped_agent_leaves_its_rules_and_the_next_takes_over()
    {
        await using var agent = new Agent();
        (_, NetworkNamespace ns) = await agent.Enrol("pod");
        string rules = await PodRulesTests.Everything(ns);

        await agent.Enroller.DisposeAsync();
        Assert.Equal(rules, await PodRulesTests.Everything(ns));
        await agent.Restart();
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        Assert.Equal(rules, await PodRulesTests.Everything(ns));

        await agent.Enroller.ReleaseAll(TestContext.Current.CancellationToken);
        Assert.Equal("", await Agent.Rules(ns));
        Assert.Empty(agent.Enroller.Snapshot());
    }

    [Fact]
    public async Task A_pod_that_left_while_no_agent_was_there_is_cleaned_by_the_next()
    {
        await using var agent = new Agent();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string before = await PodRulesTests.Everything(ns);
        Workload pod = Agent.Workload("pod", "10.0.0.1");
        agent.Mesh.Put(pod);
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        await agent.Enroller.DisposeAsync();
        agent.Mesh.Put(pod with { Enrolment = Enrolment.NotLabelled });
        Assert.NotEqual(before, await PodRulesTests.Everything(ns), StringComparer.Ordinal);

        await agent.Restart();

        await agent.UntilGone("pod");
        Assert.Equal(before, await PodRulesTests.Everything(ns));
    }

    [Fact]
    public async Task A_pod_that_gets_another_service_account_is_enrolled_anew()
    {
        await using var agent = new Agent();
        (Workload pod, _) = await agent.Enrol("pod");
        SpiffeId identity = SpiffeId.Create("cluster.local", pod.Namespace, "another");

        agent.Mesh.Put(pod with { ServiceAccount = "another", Identity = identity });

        await agent.Until("pod", status => status is { Workload.ServiceAccount: "another", State: EnrolmentState.Enrolled } && agent.Proxies.Sessions.Count == 2);
        Assert.Equal(identity, agent.Proxies.Sessions.ToArray()[^1].Workload.Identity);
    }

    [Fact]
    public async Task A_pod_without_ipv6_in_its_namespace_is_enrolled()
    {
        await using var agent = new Agent();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        ns.Run(() => File.WriteAllText("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"));
        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1"));
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
    }

    [Fact]
    public async Task A_hundred_pods_at_once_are_enrolled_a_few_at_a_time_and_one_bad_one_holds_up_none()
    {
        await using var agent = new Agent(options => options with { Parallelism = 3 });
        agent.Proxies.Starting = (workload, _) => workload.Name == "pod-0" ? throw new IOException("bad") : Task.CompletedTask;

        await EnrolMany(agent, 100, enrolled: 99);

        Assert.InRange(agent.Proxies.MostAtOnce, 1, 3);
        Assert.Equal(new EnrolmentState.Failed(EnrolmentFailure.ListenersFailed, "bad"), agent.Status("pod-0")!.State);
        await agent.Enroller.ReleaseAll(TestContext.Current.CancellationToken);
    }

    [Fact(Explicit = true)]
    public async Task A_thousand_pods_measured()
    {
        await using var agent = new Agent(options => options with { SweepInterval = new CaptureOptions { Node = "" }.SweepInterval });
        TimeSpan took = await EnrolMany(agent, 1000, enrolled: 1000);
        using var self = Process.GetCurrentProcess();
        TimeSpan before = self.TotalProcessorTime;
        await Task.Delay(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
        self.Refresh();
        TimeSpan idle = self.TotalProcessorTime - before;
        long start = Stopwatch.GetTimestamp();
        await agent.Enroller.ReleaseAll(TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"enrolled in {took.TotalSeconds:F1} s; then {idle.TotalMilliseconds / 200:F2} % of a core; {self.WorkingSet64 >> 20} MiB; released in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
    }

    private static async Task<TimeSpan> EnrolMany(Agent agent, int pods, int enrolled)
    {
        for (int number = 0; number < pods; number++)
            await agent.MakeNamespace($"pod-{number}", "10.0.0.1");
        long start = Stopwatch.GetTimestamp();
        for (int number = 0; number < pods; number++)
            agent.Mesh.Put(Agent.Workload($"pod-{number}", "10.0.0.1"));
        await Agent.Until(
            () => agent.Enroller.Snapshot().Count(status => status.State is EnrolmentState.Enrolled) == enrolled,
            () => agent.Enroller.Snapshot().Length,
            "{0} pods",
            TimeSpan.FromMinutes(2));
        return Stopwatch.GetElapsedTime(start);
    }
}
