using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Capture.Tests;

public sealed class AnnouncementTests
{
    private readonly Announcements _cluster = new();

    private Agent Begin(bool byProcesses = false) =>
        new(options => options with { Announcer = _cluster, Proc = byProcesses ? "/proc" : null });

    [Fact]
    public async Task A_pod_is_announced_once_it_is_captured_and_taken_back_before_it_is_not()
    {
        await using var agent = Begin();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        var rules = new List<bool>();
        _cluster.Annotating = async (_, _, _) =>
            rules.Add((await Agent.Rules(ns)).Contains("redirect", StringComparison.Ordinal) && agent.Proxies.Events is ["start pod"]);
        Workload pod = Agent.Workload("pod", "10.0.0.1");
        agent.Mesh.Put(pod);
        await Eventually.Holds(() => _cluster.Told.Count == 2);

        agent.Mesh.Put(pod with { Enrolment = Enrolment.OptedOut });
        await agent.UntilGone("pod");

        Assert.Equal([true, true], rules);
        Assert.Equal(
            [
                "AmbientEnrolled pod: the pod's TCP connections go through the mesh",
                "annotate pod True",
                "annotate pod False",
                "AmbientReleased pod: the pod has left the mesh; new connections are not captured",
            ],
            _cluster.Told);
    }

    [Fact]
    public async Task What_cannot_be_written_holds_up_neither_the_way_in_nor_the_way_out_and_is_tried_again()
    {
        await using var agent = Begin();
        int attempts = 0;
        _cluster.Annotating = (_, _, _) => Interlocked.Increment(ref attempts) < 3 ? throw new IOException("503") : Task.CompletedTask;
        (Workload pod, _) = await agent.Enrol("pod");
        await Eventually.Holds(() => _cluster.Told.Contains("annotate pod True", StringComparer.Ordinal));

        // An API that does not answer at all.
        _cluster.Annotating = (_, _, stopping) => Task.Delay(Timeout.Infinite, stopping);
        agent.Mesh.Put(pod with { Enrolment = Enrolment.OptedOut });
        await agent.UntilGone("pod");
        Assert.DoesNotContain("annotate pod False", _cluster.Told, StringComparer.Ordinal);
    }

    [Fact]
    public async Task What_fails_is_told_once_however_often_it_is_tried()
    {
        await using var agent = Begin();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.7");
        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1"));
        await agent.Until("pod", status => status?.Attempts > 3);
        await Agent.Hold(ns, "10.0.0.1");
        await Eventually.Holds(() => _cluster.Told.Contains("annotate pod True", StringComparer.Ordinal));

        Assert.Single(_cluster.Told, told => told.StartsWith("AmbientEnrolmentFailed pod: AddressMismatch", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_pod_that_says_so_already_is_not_told_again_until_somebody_takes_it_away()
    {
        await using var agent = Begin();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        Workload pod = Agent.Workload("pod", "10.0.0.1") with { Announced = true };
        agent.Mesh.Put(pod);
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        Assert.NotEmpty(await Agent.Rules(ns));
        Assert.Empty(_cluster.Told);

        agent.Mesh.Put(pod with { Announced = false });
        await Eventually.Holds(() => _cluster.Told.Count > 0);
        Assert.Equal(["annotate pod True"], _cluster.Told);
    }

    [Fact]
    public async Task A_pod_that_left_while_no_agent_was_there_is_taken_back()
    {
        await using var agent = Begin(byProcesses: true);
        agent.Mesh.Put(Agent.Workload("pod", "10.0.0.1") with { Announced = true, Enrolment = Enrolment.NotLabelled });
        await Eventually.Holds(() => _cluster.Told.Count > 0);
        Assert.Equal(["annotate pod False"], _cluster.Told);
    }

    [Fact]
    public async Task A_deleted_pod_is_told_nothing()
    {
        await using var agent = Begin();
        (Workload pod, _) = await agent.Enrol("pod");
        await Eventually.Holds(() => _cluster.Told.Count == 2);
        agent.Mesh.RemoveWorkload(pod.Uid);
        await agent.UntilGone("pod");
        Assert.Equal(2, _cluster.Told.Count);
    }

    [Fact]
    public async Task A_pod_that_ran_before_it_was_captured_is_told_of_with_the_time()
    {
        await using var agent = Begin(byProcesses: true);
        await using var groups = new KubeletGroups();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string uid = Guid.NewGuid().ToString();
        DateTimeOffset before = DateTimeOffset.UtcNow;
        await groups.StartPod(uid, ns.Path);
        Workload pod = Agent.Workload("pod", "10.0.0.1") with { Uid = uid };
        agent.Mesh.Put(pod);

        PodStatus? status = await agent.Until("pod", status => status?.Uncaptured is not null);

        Assert.InRange(status!.Uncaptured!.Since, before.AddSeconds(-5), status.Uncaptured.Until);
        await Eventually.Holds(() => _cluster.Told.Any(told => told.StartsWith("AmbientRanUncaptured pod: the pod ran from 20", StringComparison.Ordinal)));

        // The next agent finds the rules in place: nothing escaped.
        await agent.Restart();
        await agent.Until("pod", found => found?.State is EnrolmentState.Enrolled);
        Assert.Null(agent.Status("pod")!.Uncaptured);

        // A node that starts anew: the rules are gone with its memory, the pods are there.
        await agent.Enroller.DisposeAsync();
        await ns.RunProcess("nft", ["flush", "ruleset"]);
        await agent.Restart();
        await agent.Until("pod", found => found?.Uncaptured is not null);
    }

    [Fact]
    public async Task A_pod_that_is_labelled_while_it_runs_missed_nothing()
    {
        await using var agent = Begin(byProcesses: true);
        await using var groups = new KubeletGroups();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string uid = Guid.NewGuid().ToString();
        await groups.StartPod(uid, ns.Path);
        Workload pod = Agent.Workload("pod", "10.0.0.1") with { Uid = uid };
        agent.Mesh.Put(pod with { Enrolment = Enrolment.NotLabelled });
        agent.Mesh.Put(pod);

        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        Assert.Null(agent.Status("pod")!.Uncaptured);
    }
}
