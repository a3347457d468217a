using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

/// <summary>What happens to rules that someone changes, and to namespaces that go away.</summary>
public sealed class RepairTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(2);

    [Theory]
    [InlineData("the table inet ztunnel is missing", "nft", "flush", "ruleset")]
    [InlineData("the table inet ztunnel is missing", "nft", "delete", "table", "inet", "ztunnel")]
    [InlineData("should", "nft", "flush", "chain", "inet", "ztunnel", "outbound")]
    [InlineData("should", "nft", "insert", "rule", "inet", "ztunnel", "inbound", "accept")]
    [InlineData("the policy routing for replies was incomplete", "ip", "rule", "del", "pref", "32764")]
    [InlineData("the policy routing for replies was incomplete", "ip", "-6", "rule", "del", "pref", "32764")]
    [InlineData("the policy routing for replies was incomplete", "ip", "route", "flush", "table", "100")]
    public async Task What_someone_changes_is_put_back_within_two_seconds(string found, params string[] command)
    {
        await using var agent = new Agent(options => options with { SweepInterval = TimeSpan.FromHours(1) });
        (_, NetworkNamespace ns) = await agent.Enrol("pod");
        string whole = await PodRulesTests.Everything(ns);

        long start = TimeProvider.System.GetTimestamp();
        ProcessResult changed = await ns.RunProcess(command[0], command[1..]);
        Assert.True(changed.ExitCode == 0, changed.Error);
        PodStatus? status = await agent.Until("pod", status => status?.Repairs == 1);

        Assert.True(TimeProvider.System.GetElapsedTime(start) < Soon);
        Assert.Contains(found, status!.LastRepair, StringComparison.Ordinal);
        Assert.Equal(whole, await PodRulesTests.Everything(ns));
        Assert.Equal(["start pod"], agent.Proxies.Events);
    }

    [Fact]
    public async Task Someone_who_flushes_all_the_time_is_answered_at_a_bounded_rate_and_capture_wins_in_the_end()
    {
        await using var agent = new Agent();
        (_, NetworkNamespace ns) = await agent.Enrol("pod");
        string whole = await PodRulesTests.Everything(ns);
        long start = TimeProvider.System.GetTimestamp();
        for (int flush = 0; flush < 100; flush++)
            await ns.RunProcess("nft", ["flush", "ruleset"]);
        TimeSpan took = TimeProvider.System.GetElapsedTime(start);

        await Agent.Until(() => PodRulesTests.Everything(ns).Result == whole, () => "", "the rules did not come back");
        Assert.InRange(agent.Status("pod")!.Repairs, 1, (took / agent.Options.LookInterval) + 3);
    }

    [Fact]
    public async Task A_pod_that_begins_to_bypass_inbound_capture_or_ends_it_gets_the_rules_for_it_and_they_are_kept()
    {
        await using var agent = new Agent();
        (Workload pod, NetworkNamespace ns) = await agent.Enrol("pod");
        Assert.Contains("redirect to :15006", await Agent.Rules(ns), StringComparison.Ordinal);

        agent.Mesh.Put(pod with { BypassesInbound = true });
        await Agent.Until(() => !Agent.Rules(ns).Result.Contains("redirect to :15006", StringComparison.Ordinal), () => "", "inbound is captured still");
        Assert.Contains("redirect to :15001", await Agent.Rules(ns), StringComparison.Ordinal);
        await ns.RunProcess("nft", ["flush", "ruleset"]);
        await Agent.Until(() => Agent.Rules(ns).Result.Contains("redirect to :15001", StringComparison.Ordinal), () => "", "nothing is captured");
        Assert.DoesNotContain("redirect to :15006", await Agent.Rules(ns), StringComparison.Ordinal);

        agent.Mesh.Put(pod);
        await Agent.Until(() => Agent.Rules(ns).Result.Contains("redirect to :15006", StringComparison.Ordinal), () => "", "inbound is not captured");
        // What came before the last rules has been counted: of it only the flush was someone else's change.
        Assert.Equal(1, agent.Status("pod")!.Repairs);
        Assert.Equal(["start pod"], agent.Proxies.Events);
    }

    [Fact]
    public async Task Other_tables_and_routes_are_nobodys_business()
    {
        await using var agent = new Agent();
        (_, NetworkNamespace ns) = await agent.Enrol("pod");
        await ns.RunProcess("nft", ["add", "table", "inet", "someone"]);
        await ns.RunProcess("ip", ["route", "add", "local", "10.7.0.0/16", "dev", "lo"]);
        await ns.RunProcess("nft", ["delete", "table", "inet", "ztunnel"]);
        PodStatus? status = await agent.Until("pod", status => status?.Repairs > 0);

        Assert.Equal(1, status!.Repairs);
        Assert.Contains("table inet someone", await Agent.Rules(ns), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_nft_says_against_the_rules_is_shown_and_they_come_when_it_can()
    {
        await using var agent = new Agent();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string before = await PodRulesTests.Everything(ns);
        // A table with an owner is its process's alone: nft refuses everyone else.
        await using Owner owner = await Owner.Take(ns);
        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1"));

        EnrolmentState.Failed failed = await agent.UntilFailed("pod");
        Assert.Equal(EnrolmentFailure.RulesRefused, failed.Reason);
        Assert.StartsWith("nft: ", failed.Detail, StringComparison.Ordinal);
        Assert.Contains("Operation not permitted", failed.Detail, StringComparison.Ordinal);
        await agent.Until("pod", status => status?.Attempts > 1);
        Assert.Equal(agent.Proxies.Events.Count(each => each.StartsWith("start", StringComparison.Ordinal)), agent.Proxies.Sessions.Count);

        await owner.DisposeAsync();
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        agent.Mesh.RemoveWorkload("uid-pod");
        await agent.UntilGone("pod");
        Assert.Equal(before, await PodRulesTests.Everything(ns));
    }

    [Fact]
    public async Task A_namespace_that_is_torn_down_releases_the_pod_and_its_successor_is_enrolled()
    {
        await using var agent = new Agent();
        (_, NetworkNamespace ns) = await agent.Enrol("pod");

        File.Delete(Path.Combine(agent.Directory, "pod"));
        await ns.RunProcess("ip", ["addr", "del", "10.0.0.1/32", "dev", "lo"]);
        Assert.Equal(EnrolmentFailure.NamespaceAbsent, (await agent.UntilFailed("pod")).Reason);
        Assert.Equal(["start pod", "drain pod"], agent.Proxies.Events);

        NetworkNamespace next = await agent.MakeNamespace("pod", "10.0.0.1");
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        Assert.Contains("redirect", await Agent.Rules(next), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_path_that_vanishes_from_under_a_running_pod_does_not_let_it_out_of_the_mesh()
    {
        await using var agent = new Agent();
        (Workload pod, NetworkNamespace ns) = await agent.Enrol("pod");
        File.Delete(Path.Combine(agent.Directory, "pod"));
        // A change that is seen to proves that the path has been looked at.
        agent.Mesh.Put(pod with { Ready = true });
        await ns.RunProcess("nft", ["flush", "ruleset"]);
        await agent.Until("pod", status => status is { Repairs: 1, State: EnrolmentState.Enrolled });
        Assert.Equal(["start pod"], agent.Proxies.Events);
    }

    [Fact]
    public async Task Another_namespace_at_the_path_is_where_the_pod_is_now()
    {
        await using var agent = new Agent();
        (_, NetworkNamespace old) = await agent.Enrol("pod");
        NetworkNamespace @new = await agent.MakeNamespace("pod", "10.0.0.1");

        await agent.Until("pod", _ => agent.Proxies.Events.Count == 3);
        await Agent.Until(() => Agent.Rules(@new).Result.Contains("redirect", StringComparison.Ordinal), () => "", "the new one has no rules");
        await Agent.Until(() => Agent.Rules(old).Result.Length == 0, () => Agent.Rules(old).Result, "the old one has rules: {0}");
        Assert.Equal(["start pod", "drain pod", "start pod"], agent.Proxies.Events);
    }
}
