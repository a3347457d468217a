using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

/// <summary>Pods that the plugin brought, and what the API says of them later.</summary>
public sealed class GivenNamespaceTests
{
    private static readonly Workload Unaddressed = Agent.Workload("pod") with { NetworkNamespace = null };

    private static Workload With(params string[] addresses) => Unaddressed with { Addresses = [.. addresses.Select(IPAddress.Parse)] };

    [Fact]
    public async Task A_pod_that_the_model_learns_of_later_stays_enrolled_whatever_addresses_it_is_said_to_have()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime { Finds = (_, _) => Unaddressed };
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");
        Assert.Equal(0, (await runtime.Add(sandbox, Unaddressed, "10.0.0.1")).Exit);

        foreach (Workload said in new[] { Unaddressed, With("10.0.0.1"), With("10.0.0.77"), With("10.0.0.1"), Unaddressed })
        {
            DateTimeOffset since = agent.Status("pod")!.Since;
            int repairs = agent.Status("pod")!.Repairs;
            agent.Mesh.Put(said);
            // That its rules are put back shows that it was looked at since.
            await sandbox.RunProcess("nft", ["flush", "ruleset"]);
            await agent.Until("pod", status => status?.Repairs > repairs && status.State is EnrolmentState.Enrolled);
            Assert.Equal(since, agent.Status("pod")!.Since);
        }

        Assert.Equal(["start pod"], agent.Proxies.Events);
        Assert.Contains("redirect", await Agent.Rules(sandbox), StringComparison.Ordinal);

        agent.Mesh.Put(Unaddressed with { Enrolment = Enrolment.OptedOut });
        await agent.UntilGone("pod");
        Assert.Equal("", await Agent.Rules(sandbox));
    }

    [Fact]
    public async Task What_the_model_tells_of_the_time_before_the_pod_was_bound_does_not_release_it()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime { Finds = (_, _) => Unaddressed };
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");
        Assert.Equal(0, (await runtime.Add(sandbox, Unaddressed, "10.0.0.1")).Exit);

        agent.Mesh.Put(Unaddressed with { Node = "", Enrolment = Enrolment.NotCaptured });
        agent.Mesh.Put(Unaddressed);
        await sandbox.RunProcess("nft", ["flush", "ruleset"]);
        await agent.Until("pod", status => status is { Repairs: 1, State: EnrolmentState.Enrolled });

        Assert.Equal(["start pod"], agent.Proxies.Events);
    }

    [Fact]
    public async Task Nor_does_it_refuse_the_pod_when_the_model_has_nothing_newer()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime { Finds = (_, _) => Unaddressed };
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");
        agent.Mesh.Put(Unaddressed with { Node = "", Enrolment = Enrolment.NotCaptured });

        Assert.Equal(0, (await runtime.Add(sandbox, Unaddressed, "10.0.0.1")).Exit);
        Assert.Contains("redirect", await Agent.Rules(sandbox), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_made_again_under_its_name_and_address_is_another()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime();
        runtime.OpenDoor(agent);
        NetworkNamespace first = await agent.MakeNamespace("first", "10.0.0.1");
        NetworkNamespace second = await agent.MakeNamespace("second", "10.0.0.1");
        Workload before = With("10.0.0.1");
        Workload after = Unaddressed with { Uid = "uid-again" };
        agent.Mesh.Put(before);
        Assert.Equal(0, (await runtime.Add(first, before, "10.0.0.1")).Exit);

        // The model still has the old one.
        runtime.Finds = (_, uid) => uid == after.Uid ? after : null;
        Assert.Equal(0, (await runtime.Add(second, after, "10.0.0.1")).Exit);
        agent.Mesh.RemoveWorkload(before.Uid);
        agent.Mesh.Put(after with { Addresses = before.Addresses });

        await Agent.Until(() => agent.Enroller.Snapshot() is [{ Workload.Uid: "uid-again", State: EnrolmentState.Enrolled }], agent.Enroller.Snapshot, "{0}");
        Assert.Equal("", await Agent.Rules(first));
        Assert.Contains("redirect", await Agent.Rules(second), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pod_that_gets_another_sandbox_is_captured_in_that_one()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime();
        runtime.OpenDoor(agent);
        NetworkNamespace first = await agent.MakeNamespace("first", "10.0.0.1");
        NetworkNamespace second = await agent.MakeNamespace("second", "10.0.0.2");
        agent.Mesh.Put(Unaddressed);
        Assert.Equal(0, (await runtime.Add(first, Unaddressed, "10.0.0.1")).Exit);
        Assert.Equal(0, (await runtime.Add(first, Unaddressed, "10.0.0.1")).Exit);
        Assert.Equal(0, (await runtime.Add(second, Unaddressed, "10.0.0.2")).Exit);

        Assert.Contains("redirect", await Agent.Rules(second), StringComparison.Ordinal);
        await Agent.Until(() => Agent.Rules(first).Result.Length == 0, () => "", "rules are left in the first");
        Assert.Equal(["start pod", "drain pod", "start pod"], agent.Proxies.Events);
    }

    [Fact]
    public async Task A_sandbox_that_is_torn_down_is_let_go_of_and_a_pod_nobody_knows_with_it()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime { Finds = (_, _) => Unaddressed };
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");
        Assert.Equal(0, (await runtime.Add(sandbox, Unaddressed, "10.0.0.1")).Exit);
        Assert.Equal((0, ""), await runtime.Call("DEL", sandbox, Unaddressed));
        await agent.UntilGone("pod");
        Assert.Equal("", await Agent.Rules(sandbox));

        // One that the model has waits for its next sandbox, and that is no failure.
        agent.Mesh.Put(Unaddressed);
        Assert.Equal(0, (await runtime.Add(sandbox, Unaddressed, "10.0.0.1")).Exit);
        agent.Mesh.Put(With("10.0.0.1"));
        Assert.Equal((0, ""), await runtime.Call("DEL", sandbox, Unaddressed));
        await agent.Until("pod", status => status?.State is EnrolmentState.Pending { Detail: var detail } && detail.Contains("torn down", StringComparison.Ordinal));
        Assert.Equal(0, (await runtime.Add(sandbox, Unaddressed, "10.0.0.1")).Exit);
    }

    [Fact]
    public async Task An_ADD_that_failed_leaves_nothing_to_be_done_for_a_pod_nobody_knows()
    {
        await using var agent = new Agent(options => options with { Proc = "/proc" });
        await using var runtime = new Runtime { Finds = (_, _) => Unaddressed };
        runtime.OpenDoor(agent);
        NetworkNamespace sandbox = await agent.MakeNamespace("pod", "10.0.0.1");

        Assert.Equal(100, Runtime.ErrorIn(await runtime.Add(sandbox, Unaddressed, "10.0.0.2")).Code);

        await agent.UntilGone("pod");
    }
}
