using System.Diagnostics;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Capture.Tests;

/// <summary>Real processes in real control groups and network namespaces of this machine.</summary>
public sealed class ProcessNamespaceTests
{
    private static Agent ByProcesses() => new(options => options with { Proc = "/proc" });

    private static Workload PodWith(string uid, string address = "10.0.0.1") => Agent.Workload("pod", address) with { Uid = uid, NetworkNamespace = null };

    private static string NewUid() => Guid.NewGuid().ToString();

    [Theory]
    [InlineData(false, "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$_UID.slice/cri-containerd-0123.scope")]
    [InlineData(false, "kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod$_UID.slice/crio-0123.scope/container")]
    [InlineData(true, "kubepods/besteffort/pod$UID/0123")]
    [InlineData(true, "kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod$_UID.slice/docker-0123.scope")]
    public async Task A_pod_is_enrolled_in_the_namespace_its_processes_are_in(bool legacy, string group)
    {
        Assert.SkipWhen(legacy && KubeletGroups.Legacy is null, "this machine has no cgroup v1");
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups(legacy ? KubeletGroups.Legacy! : KubeletGroups.Unified);
        NetworkNamespace ns = await agent.MakeNamespace("named-by-nobody", "10.0.0.1");
        string uid = NewUid();
        Process process = await groups.Start(
            group.Replace("$_UID", uid.Replace('-', '_'), StringComparison.Ordinal).Replace("$UID", uid, StringComparison.Ordinal), ns.Path);

        agent.Mesh.Put(PodWith(uid));

        PodStatus? status = await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        Assert.Equal($"/proc/{process.Id}/ns/net", status!.NetworkNamespace);
        Assert.Contains("redirect to :15001", await Agent.Rules(ns), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$UID.slice/cri-containerd-0123.scope")]
    [InlineData(true, "kubepods/burstable/pod$UID/0123")]
    public async Task A_static_pod_is_found_by_the_uid_its_kubelet_knows_it_by(bool legacy, string group)
    {
        Assert.SkipWhen(legacy && KubeletGroups.Legacy is null, "this machine has no cgroup v1");
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups(legacy ? KubeletGroups.Legacy! : KubeletGroups.Unified);
        NetworkNamespace ns = await agent.MakeNamespace("static", "10.0.0.1");
        string hash = Guid.NewGuid().ToString("N");
        Process sandbox = await groups.Start(group.Replace("$UID", hash, StringComparison.Ordinal), ns.Path);
        Workload mirror = PodWith(NewUid()) with { StaticUid = hash };

        agent.Mesh.Put(mirror);
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        Assert.Contains("redirect to :15001", await Agent.Rules(ns), StringComparison.Ordinal);

        // Looked at again, and by the next agent, it is the same.
        agent.Mesh.Put(mirror with { CanonicalName = "looked at" });
        await agent.Until("pod", status => status is { State: EnrolmentState.Enrolled, Workload.CanonicalName: "looked at" });
        Assert.Single(agent.Proxies.Events);
        await agent.Restart();
        PodStatus? status = await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
        Assert.Equal($"/proc/{sandbox.Id}/ns/net", status!.NetworkNamespace);
    }

    [Fact]
    public async Task One_that_names_another_static_pods_uid_does_not_get_that_ones_namespace()
    {
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups();
        NetworkNamespace victims = await agent.MakeNamespace("victim", "10.0.0.1");
        string hash = Guid.NewGuid().ToString("N");
        await groups.StartPod(hash, victims.Path);

        agent.Mesh.Put(PodWith(NewUid(), "10.0.0.2") with { StaticUid = hash });

        Assert.Equal(EnrolmentFailure.AddressMismatch, (await agent.UntilFailed("pod")).Reason);
        Assert.Equal("", await Agent.Rules(victims));
    }

    [Fact]
    public async Task What_the_pod_says_of_its_namespace_is_not_believed()
    {
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups();
        NetworkNamespace own = await agent.MakeNamespace("own", "10.0.0.1");
        NetworkNamespace named = await agent.MakeNamespace("named", "10.0.0.1");
        string uid = NewUid();
        await groups.StartPod(uid, own.Path);

        agent.Mesh.Put(PodWith(uid) with { NetworkNamespace = named.Path });
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);

        Assert.Equal("", await Agent.Rules(named));
        Assert.NotEmpty(await Agent.Rules(own));
    }

    [Fact]
    public async Task A_pod_waits_for_its_first_process_and_the_nodes_own_namespace_is_none_of_its()
    {
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string uid = NewUid();
        await groups.StartPod(uid, "/proc/self/ns/net");
        agent.Mesh.Put(PodWith(uid));
        Assert.Equal(EnrolmentFailure.NamespaceAbsent, (await agent.UntilFailed("pod")).Reason);

        await groups.StartPod(uid, ns.Path);
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
    }

    [Fact]
    public async Task Of_several_namespaces_it_is_the_one_of_the_process_that_started_first()
    {
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups();
        NetworkNamespace first = await agent.MakeNamespace("first", "10.0.0.1");
        NetworkNamespace later = await agent.MakeNamespace("later", "10.0.0.1");
        string uid = NewUid();
        Process sandbox = await groups.StartPod(uid, first.Path);
        await UntilTheClockTicked(sandbox);
        await groups.StartPod(uid, later.Path);

        agent.Mesh.Put(PodWith(uid));
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);

        Assert.NotEmpty(await Agent.Rules(first));
        Assert.Equal("", await Agent.Rules(later));
    }

    [Fact]
    public async Task A_process_in_another_pods_namespace_does_not_make_it_its_own()
    {
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups();
        NetworkNamespace victims = await agent.MakeNamespace("victim", "10.0.0.1");
        (string victim, string intruder) = (NewUid(), NewUid());
        Process sandbox = await groups.StartPod(victim, victims.Path);
        await UntilTheClockTicked(sandbox);
        await groups.StartPod(intruder, victims.Path);

        agent.Mesh.Put(PodWith(intruder) with { Name = "intruder" });

        EnrolmentState.Failed failed = await agent.UntilFailed("intruder");
        Assert.Equal(EnrolmentFailure.NamespaceForeign, failed.Reason);
        Assert.Contains(victim, failed.Detail, StringComparison.Ordinal);
        Assert.Equal("", await Agent.Rules(victims));

        agent.Mesh.Put(PodWith(victim));
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);
    }

    [Fact]
    public async Task A_namespace_without_the_pods_address_is_refused_untouched()
    {
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.7");
        string uid = NewUid();
        await groups.StartPod(uid, ns.Path);

        agent.Mesh.Put(PodWith(uid));

        Assert.Equal(EnrolmentFailure.AddressMismatch, (await agent.UntilFailed("pod")).Reason);
        Assert.Equal("", await Agent.Rules(ns));
    }

    [Fact]
    public async Task A_pod_stays_enrolled_when_the_process_it_was_found_by_ends_and_leaves_with_its_sandbox()
    {
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string uid = NewUid();
        Process sandbox = await groups.StartPod(uid, ns.Path);
        Process container = await groups.StartPod(uid, ns.Path);
        agent.Mesh.Put(PodWith(uid));
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);

        await KubeletGroups.End(sandbox);
        agent.Mesh.Put(PodWith(uid) with { CanonicalName = "looked at" });
        await agent.Until("pod", status => status is { State: EnrolmentState.Enrolled, Workload.CanonicalName: "looked at" });

        // A sandbox made anew: other processes, another namespace, the same pod.
        NetworkNamespace anew = await agent.MakeNamespace("anew", "10.0.0.1");
        await KubeletGroups.End(container);
        Process second = await groups.StartPod(uid, anew.Path);
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled && status.NetworkNamespace == $"/proc/{second.Id}/ns/net");
        await Agent.Until(() => Agent.Rules(ns).Result.Length == 0, () => "", "rules are left in the old namespace");
    }

    [Fact]
    public async Task A_pod_that_left_the_mesh_while_no_agent_was_there_is_cleaned()
    {
        await using var agent = ByProcesses();
        await using var groups = new KubeletGroups();
        NetworkNamespace ns = await agent.MakeNamespace("pod", "10.0.0.1");
        string uid = NewUid();
        await groups.StartPod(uid, ns.Path);
        agent.Mesh.Put(PodWith(uid));
        await agent.Until("pod", status => status?.State is EnrolmentState.Enrolled);

        await agent.Enroller.DisposeAsync();
        agent.Mesh.Put(PodWith(uid) with { Enrolment = Enrolment.NotLabelled });
        await agent.Restart();

        await Agent.Until(() => Agent.Rules(ns).Result.Length == 0, () => "", "rules are left");
    }

    [Fact]
    public async Task One_pass_over_proc_serves_all_pods_that_wait()
    {
        const int Pods = 40;
        using NetworkNamespace own = NetworkNamespace.OpenCurrent();
        var finder = new ProcessNamespaces("/proc", [own.Inode]);
        Task[] searches = [.. Enumerable.Range(0, Pods).Select(_ => finder.Find(PodWith(NewUid()), CancellationToken.None))];

        foreach (Task search in searches)
            Assert.Equal(EnrolmentFailure.NamespaceAbsent, (await Assert.ThrowsAsync<EnrolmentException>(() => search)).Reason);

        Assert.InRange(finder.Passes, 1, Pods / 2);
    }

    [Fact]
    public async Task Processes_that_vanish_while_they_are_read_harm_nobody()
    {
        await using var groups = new KubeletGroups();
        using NetworkNamespace ns = NetworkNamespace.Create();
        using NetworkNamespace own = NetworkNamespace.OpenCurrent();
        string uid = NewUid();
        await groups.StartPod(uid, ns.Path);
        // A shell that does nothing but start processes which end at once.
        await groups.Start(KubeletGroups.PathOf(uid), ns.Path, "echo there; i=0; while [ $i -lt 3000 ]; do /bin/true & i=$((i+1)); done; exec cat");
        var finder = new ProcessNamespaces("/proc", [own.Inode]);

        for (int time = 0; time < 50; time++)
        {
            FoundNamespace found = await finder.Find(PodWith(uid), TestContext.Current.CancellationToken);
            Assert.Equal(ns.Inode, found.Namespace.Inode);
            found.Namespace.Dispose();
        }
    }

    /// <summary>Start times are counted in hundredths of a second: waits until one that starts now starts later.</summary>
    private static Task UntilTheClockTicked(Process before) =>
        Eventually.Holds(() => DateTime.Now - before.StartTime > TimeSpan.FromMilliseconds(50));
}
