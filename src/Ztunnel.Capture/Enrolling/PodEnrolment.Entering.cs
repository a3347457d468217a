using System.Globalization;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <content>The way into the mesh, and staying there.</content>
internal sealed partial class PodEnrolment
{
    private async Task<TimeSpan> Enter(Aim aim, CancellationToken stopping)
    {
        Workload workload = aim.Workload;
        if (workload.Addresses.IsEmpty)
        {
            Report(workload, new EnrolmentState.Pending("it has no IP address yet"));
            return Timeout.InfiniteTimeSpan;
        }

        if (await Find(aim, stopping) is not { } found)
        {
            Report(workload, new EnrolmentState.Pending("its sandbox was torn down, and there is no other yet"));
            return around.Options.NamespaceRetry;
        }

        NetworkNamespace ns = found.Namespace;
        using Turn turn = await TakeTurn(ns, stopping);
        if (Current.Version != aim.Version && aim.Given is not { Waits: true })
        {
            ns.Dispose();
            return TimeSpan.Zero;
        }

        Enrolled entering = await Open(workload, found, stopping);
        await Capture(entering, stopping);
        _enrolled = entering;
        _captured = true;
        _between = false;
        LetProbesThrough(entering, workload, stopping);
        Report(workload, new EnrolmentState.Enrolled());
        aim.Given?.Succeed();
        CaptureLog.Enrolled(around.Logger, workload, ns.Path);
        Announce(entering, stopping);
        return Timeout.InfiniteTimeSpan;
    }

    /// <summary>Where the pod is; null when it is between two sandboxes. Before its turn: all pods that wait are looked for together.</summary>
    private async Task<FoundNamespace?> Find(Aim aim, CancellationToken stopping)
    {
        if (aim.Given?.Take() is { } given)
            return new FoundNamespace(given, RunsSince: null);
        try
        {
            return await around.Namespaces.Find(aim.Workload, stopping);
        }
        catch (EnrolmentException absent) when (_between && absent.Reason == EnrolmentFailure.NamespaceAbsent)
        {
            return null;
        }
    }

    /// <summary>
    /// Since when the pod has run without being captured although it was in the mesh from the first that is known of it: its
    /// node started, or it did, while no agent was there to be asked. Null where its rules were there before any process.
    /// </summary>
    private async Task<UncapturedSpan?> Uncaptured(FoundNamespace found, CancellationToken stopping) =>
        !_captured && found.RunsSince is { } since && !await PodFirewall.IsPresent(found.Namespace, stopping)
            ? new UncapturedSpan(since, around.Time.GetUtcNow())
            : null;

    /// <summary>Says that the pod is in the mesh, now that it can be reached there; nothing waits for that.</summary>
    private void Announce(Enrolled enrolled, CancellationToken stopping)
    {
        Workload workload = enrolled.Workload;
        IPodAnnouncer? announcer = around.Options.Announcer;
        if (enrolled.Uncaptured is { } uncaptured)
        {
            lock (_lock)
                _status = _status with { Uncaptured = uncaptured };
            CaptureLog.RanUncaptured(around.Logger, workload, uncaptured.Since, uncaptured.Until);
            announcer?.Tell(
                workload,
                PodNews.AmbientRanUncaptured,
                string.Create(CultureInfo.InvariantCulture, $"the pod ran from {uncaptured.Since:u} to {uncaptured.Until:u} without being captured; it is now"));
        }

        if (_announcement is null || announcer is null)
            return;
        if (!_announcement.IsTold)
            announcer.Tell(workload, PodNews.AmbientEnrolled, "the pod's TCP connections go through the mesh");
        _ = _announcement.Put(workload, enrolled: true, stopping);
    }

    private async Task<Turn> TakeTurn(NetworkNamespace ns, CancellationToken stopping)
    {
        try
        {
            return await Turn.Take(around.Turns, stopping);
        }
        catch
        {
            ns.Dispose();
            throw;
        }
    }

    /// <summary>Claims the namespace and opens the listeners in it; when that fails it is let go of.</summary>
    private async Task<Enrolled> Open(Workload workload, FoundNamespace found, CancellationToken stopping)
    {
        NetworkNamespace ns = found.Namespace;
        bool claimed = false;
        try
        {
            around.Namespaces.Claim(workload, ns);
            claimed = true;
            _clean = false;
            UncapturedSpan? uncaptured = await Uncaptured(found, stopping);
            return new Enrolled(workload, ns, await Listen(workload, ns, stopping)) { Uncaptured = uncaptured };
        }
        catch
        {
            if (claimed)
                LetGo(ns);
            else
                ns.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Makes the kernel lead the pod's connections to its open listeners. When that fails the listeners go again; rules that an
    /// earlier agent left stay, and refuse connections.
    /// </summary>
    private async Task Capture(Enrolled entering, CancellationToken stopping)
    {
        bool routed = false;
        try
        {
            entering.Watch(around.Loop, _signal.Set);
            routed = PodFirewall.EnsureRouting(entering.Namespace, HasIPv6(entering.Workload));
            entering.Generation = await around.FirewallOf(entering.Workload).Install(entering.Namespace, stopping);
            entering.HasRules = true;
            entering.LookedAt = around.Time.GetTimestamp();
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            if (routed)
                PodFirewall.RemoveRouting(entering.Namespace);
            _leaving.Add(entering);
            entering.Drain(_signal.Set);
            throw;
        }
    }

    private async Task<IPodSession> Listen(Workload workload, NetworkNamespace ns, CancellationToken stopping)
    {
        try
        {
            return await around.Listeners.Start(workload, ns, stopping);
        }
#pragma warning disable CA1031 // Whatever ails one pod's listeners is shown for that pod and hurts no other.
        catch (Exception failure) when (!stopping.IsCancellationRequested)
#pragma warning restore CA1031
        {
            throw new EnrolmentException(EnrolmentFailure.ListenersFailed, failure.Message, failure);
        }
    }

    /// <summary>Looks whether rules and routing are as they should be, not too often, and puts them back.</summary>
    private async Task<TimeSpan> Keep(Enrolled enrolled, Aim aim, CancellationToken stopping)
    {
        Workload workload = aim.Workload;
        aim.Given?.Succeed();
        _ = _announcement?.Put(workload, enrolled: true, stopping);
        TimeSpan early = around.Options.LookInterval - around.Time.GetElapsedTime(enrolled.LookedAt);
        if (early > TimeSpan.Zero)
            return early;
        enrolled.LookedAt = around.Time.GetTimestamp();
        string? changed = PodFirewall.EnsureRouting(enrolled.Namespace, HasIPv6(workload)) ? "the policy routing for replies was incomplete" : null;
        if (enrolled.Workload.BypassesInbound != workload.BypassesInbound)
            await Replace(enrolled, workload, stopping);
        else if (enrolled.Generation is null || enrolled.Generation != Nft.Generation(enrolled.Namespace))
            changed = await Repair(enrolled, stopping) ?? changed;
        if (changed is not null)
        {
            CaptureLog.Repaired(around.Logger, workload, changed);
            lock (_lock)
                _status = _status with { Repairs = _status.Repairs + 1, LastRepair = changed };
        }

        LetProbesThrough(enrolled, workload, stopping);
        enrolled.Workload = workload;
        Report(workload, new EnrolmentState.Enrolled());
        return Timeout.InfiniteTimeSpan;
    }

    /// <summary>Gives a pod other rules, as it asks for now; connections under way go on.</summary>
    private async Task Replace(Enrolled enrolled, Workload workload, CancellationToken stopping)
    {
        using Turn turn = await Turn.Take(around.Turns, stopping);
        enrolled.Generation = await around.FirewallOf(workload).Install(enrolled.Namespace, stopping);
    }

    private async Task<string?> Repair(Enrolled enrolled, CancellationToken stopping)
    {
        using Turn turn = await Turn.Take(around.Turns, stopping);
        uint looked = Nft.Generation(enrolled.Namespace);
        PodFirewall firewall = around.FirewallOf(enrolled.Workload);
        string? difference = await firewall.Difference(enrolled.Namespace, stopping);
        enrolled.Generation = difference is null ? looked : await firewall.Install(enrolled.Namespace, stopping);
        return difference;
    }

    /// <summary>Has the node's probes get to the pod, and tries it when there is cause to: it is new here, or was not so the last time.</summary>
    private void LetProbesThrough(Enrolled enrolled, Workload workload, CancellationToken stopping)
    {
        if (around.Probes is not { } probes)
            return;
        probes.Put(workload);
        bool moved = !enrolled.Workload.Addresses.AsSpan().SequenceEqual(workload.Addresses.AsSpan());
        bool again = enrolled.Probed is { Works: false } failed && around.Time.GetUtcNow() - failed.At >= around.Options.ProbeRetry;
        if (enrolled.Probed is not null && !moved && !again)
            return;
        enrolled.Probed = new ProbeStatus(null, "being tried", around.Time.GetUtcNow());
        _ = Probe();

        async Task Probe()
        {
            ProbeStatus found = await probes.Check(workload, enrolled.Namespace, stopping);
            if (found.Works == false && _enrolled == enrolled)
                CaptureLog.ProbesFail(around.Logger, workload, found.Detail);
            enrolled.Probed = found;
        }
    }
}
