using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>
/// One pod on its way into the mesh, in it, or out of it. One task does everything that is done for the pod, one thing after
/// the other, always towards what was wanted last: whatever the order and pace of changes, no two steps overlap.
/// </summary>
internal sealed class PodEnrolment(PodEnrolment.Surroundings around, Workload workload, bool wanted)
{
    private readonly Signal _signal = new();
    private readonly Lock _lock = new();
    private readonly List<Enrolled> _leaving = [];
    private bool _clean;
    private Workload _workload = workload;
    private bool _wanted = wanted;
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Enrolled? _enrolled;
    private PodStatus _status = new(workload, wanted ? new EnrolmentState.Pending("waiting for its turn") : new EnrolmentState.Removing("looking for rules of an earlier agent"), around.Time.GetUtcNow(), 0, around.Namespaces.PathOf(workload), 0, null);

    /// <summary>What all pods of an agent share.</summary>
    internal sealed record Surroundings(
        CaptureOptions Options, PodNamespaces Namespaces, PodFirewall Firewall, IPodListeners Listeners, PodProbes? Probes, EventLoop Loop, TimeProvider Time, ILogger Logger)
    {
        /// <summary>Held while a pod is worked on.</summary>
        public SemaphoreSlim Turns { get; } = new(Options.Parallelism);

        /// <summary>Closed while another agent takes over: nothing is changed anywhere.</summary>
        public Gate Gate { get; init; } = new();
    }

    /// <summary>Where the pod is now.</summary>
    public PodStatus Status
    {
        get
        {
            lock (_lock)
                return _status with { Probes = _status.State is EnrolmentState.Enrolled ? _enrolled?.Probed : null };
        }
    }

    /// <summary>Completes when something came of the first attempt.</summary>
    public Task Tried => _tried.Task;

    /// <summary>Whether the pod is to be in the mesh.</summary>
    public bool Wanted
    {
        get
        {
            lock (_lock)
                return _wanted;
        }
    }

    /// <summary>Says what the pod is now and whether it is to be in the mesh.</summary>
    public void Want(Workload workload, bool wanted)
    {
        lock (_lock)
        {
            _workload = workload;
            _wanted = wanted;
            _status = _status with { Workload = workload, Attempts = 0 };
        }

        _signal.Set();
    }

    /// <summary>Has the pod's namespace looked at without cause, if the pod is enrolled: one that is not has its own times.</summary>
    public void Look()
    {
        if (Status.State is EnrolmentState.Enrolled)
            _signal.Set();
    }

    /// <summary>Works on the pod until <paramref name="finished"/> agrees that there is nothing left to do, or the agent stops.</summary>
    public async Task Drive(Func<bool> finished, CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                TimeSpan rest;
                using (await around.Gate.Enter(stopping))
                    rest = await Step(stopping);
                _tried.TrySetResult();
                if (_enrolled is null && _leaving.Count == 0 && _clean && finished())
                    return;
                await _signal.Wait(rest, around.Time, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Rules and routing stay: without listeners they refuse connections rather than let them out plain.
        }
        finally
        {
            _tried.TrySetResult();
            _enrolled?.Dispose();
            foreach (Enrolled each in _leaving)
                each.Dispose();
        }
    }

    /// <summary>Does what is to be done now; returns how long to rest if nothing happens.</summary>
    private async Task<TimeSpan> Step(CancellationToken stopping)
    {
        (Workload workload, bool wanted) = Target();
        try
        {
            await Finish(stopping);
            if (_enrolled is not null && (!wanted || !await IsStill(_enrolled, workload, stopping)))
                await Leave(workload, stopping);
            if (!wanted)
            {
                await Clean(workload, stopping);
                return Timeout.InfiniteTimeSpan;
            }

            return _enrolled is null ? await Enter(workload, stopping) : await Keep(_enrolled, workload, stopping);
        }
        catch (EnrolmentException failure)
        {
            return Failed(workload, failure, wanted);
        }
        catch (IOException failure)
        {
            return Failed(workload, new EnrolmentException(EnrolmentFailure.NamespaceUnusable, failure.Message, failure), wanted);
        }
#pragma warning disable CA1031 // A defect met with one pod must not take the others, or the process, with it.
        catch (Exception defect) when (defect is not OperationCanceledException)
#pragma warning restore CA1031
        {
            CaptureLog.Broken(around.Logger, workload, defect);
            return Failed(workload, new EnrolmentException(EnrolmentFailure.Internal, defect.Message, defect), wanted);
        }
    }

    private async Task<TimeSpan> Enter(Workload workload, CancellationToken stopping)
    {
        if (workload.Addresses.IsEmpty)
        {
            Report(workload, new EnrolmentState.Pending("it has no IP address yet"));
            return Timeout.InfiniteTimeSpan;
        }

        // Before its turn: all pods that wait are looked for together.
        NetworkNamespace ns = (await around.Namespaces.Find(workload, stopping)).Namespace;
        using Turn turn = await TakeTurn(ns, stopping);
        if (Target() != (workload, true))
        {
            ns.Dispose();
            return TimeSpan.Zero;
        }

        Enrolled entering = await Open(workload, ns, stopping);
        await Capture(entering, stopping);
        _enrolled = entering;
        LetProbesThrough(entering, workload, stopping);
        Report(workload, new EnrolmentState.Enrolled());
        CaptureLog.Enrolled(around.Logger, workload, ns.Path);
        return Timeout.InfiniteTimeSpan;
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
    private async Task<Enrolled> Open(Workload workload, NetworkNamespace ns, CancellationToken stopping)
    {
        bool claimed = false;
        try
        {
            around.Namespaces.Claim(workload, ns);
            claimed = true;
            _clean = false;
            return new Enrolled(workload, ns, await Listen(workload, ns, stopping));
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
            entering.Generation = await around.Firewall.Install(entering.Namespace, stopping);
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
    private async Task<TimeSpan> Keep(Enrolled enrolled, Workload workload, CancellationToken stopping)
    {
        TimeSpan early = around.Options.LookInterval - around.Time.GetElapsedTime(enrolled.LookedAt);
        if (early > TimeSpan.Zero)
            return early;
        enrolled.LookedAt = around.Time.GetTimestamp();
        string? changed = PodFirewall.EnsureRouting(enrolled.Namespace, HasIPv6(workload)) ? "the policy routing for replies was incomplete" : null;
        if (enrolled.Generation is null || enrolled.Generation != Nft.Generation(enrolled.Namespace))
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

    private async Task<string?> Repair(Enrolled enrolled, CancellationToken stopping)
    {
        using Turn turn = await Turn.Take(around.Turns, stopping);
        uint looked = Nft.Generation(enrolled.Namespace);
        string? difference = await around.Firewall.Difference(enrolled.Namespace, stopping);
        enrolled.Generation = difference is null ? looked : await around.Firewall.Install(enrolled.Namespace, stopping);
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

    /// <summary>Ends capture, then the listeners. The rest waits in <see cref="_leaving"/> until the connections under way have ended.</summary>
    private async Task Leave(Workload workload, CancellationToken stopping)
    {
        Enrolled leaving = _enrolled!;
        Report(workload, new EnrolmentState.Removing());
        around.Probes?.Remove(leaving.Workload);
        using (Turn turn = await Turn.Take(around.Turns, stopping))
            await PodFirewall.Drain(leaving.Namespace, stopping);
        _enrolled = null;
        _leaving.Add(leaving);
        leaving.Drain(_signal.Set);
    }

    /// <summary>Takes the last of what has drained away.</summary>
    private async Task Finish(CancellationToken stopping)
    {
        foreach (Enrolled left in _leaving.Where(each => each.Drained is { IsCompleted: true }).ToArray())
        {
            if (left.Drained?.Exception is { } failure)
                CaptureLog.DrainFailed(around.Logger, left.Workload, failure.GetBaseException());
            bool last = left.HasRules && _enrolled?.Namespace.Inode != left.Namespace.Inode && _leaving.Count(each => each.Namespace.Inode == left.Namespace.Inode) == 1;
            if (last)
            {
                using Turn turn = await Turn.Take(around.Turns, stopping);
                await PodFirewall.Remove(left.Namespace, stopping);
                CaptureLog.Removed(around.Logger, left.Workload, left.Namespace.Path);
                _clean = true;
            }

            _leaving.Remove(left);
            LetGo(left.Namespace);
        }
    }

    /// <summary>
    /// Takes away what an earlier agent left in a pod that left the mesh while no agent was there: rules that lead its
    /// connections to nobody. What cannot be told to be this pod's namespace is left alone.
    /// </summary>
    private async Task Clean(Workload workload, CancellationToken stopping)
    {
        if (_clean || _enrolled is not null || _leaving.Count > 0)
            return;
        if (await ClaimToClean(workload, stopping) is not { } ns)
        {
            _clean = true;
            return;
        }

        try
        {
            using Turn turn = await Turn.Take(around.Turns, stopping);
            if (await PodFirewall.IsPresent(ns, stopping))
            {
                await PodFirewall.Remove(ns, stopping);
                CaptureLog.Removed(around.Logger, workload, ns.Path);
            }

            _clean = true;
        }
        finally
        {
            LetGo(ns);
        }
    }

    private async Task<NetworkNamespace?> ClaimToClean(Workload workload, CancellationToken stopping)
    {
        NetworkNamespace? ns = null;
        try
        {
            ns = (await around.Namespaces.Find(workload, stopping)).Namespace;
            around.Namespaces.Claim(workload, ns);
            return ns;
        }
        catch (EnrolmentException)
        {
            ns?.Dispose();
            return null;
        }
    }

    /// <summary>Whether a pod can stay enrolled as it is: in the namespace it is in, under the identity its listeners speak under.</summary>
    private async Task<bool> IsStill(Enrolled enrolled, Workload workload, CancellationToken stopping) =>
        enrolled.Workload.Identity == workload.Identity
        && await around.Namespaces.IsStill(enrolled.Namespace, enrolled.Workload, workload, stopping);

    private void LetGo(NetworkNamespace ns)
    {
        if (_enrolled?.Namespace.Inode != ns.Inode && !_leaving.Exists(each => each.Namespace.Inode == ns.Inode))
            around.Namespaces.Release(ns);
        ns.Dispose();
    }

    private TimeSpan Failed(Workload workload, EnrolmentException failure, bool wanted)
    {
        EnrolmentState before = Status.State;
        Report(workload, wanted ? new EnrolmentState.Failed(failure.Reason, failure.Message) : new EnrolmentState.Removing($"{failure.Reason}: {failure.Message}"));
        if (before != Status.State)
            CaptureLog.Failed(around.Logger, workload, failure.Reason, failure.Message);
        int attempts;
        lock (_lock)
        {
            attempts = _status.Attempts + 1;
            _status = _status with { Attempts = attempts };
        }

        bool costly = failure.Reason is EnrolmentFailure.ListenersFailed or EnrolmentFailure.RulesRefused or EnrolmentFailure.RoutingRefused or EnrolmentFailure.Internal;
        TimeSpan longest = costly ? around.Options.LastRetry : around.Options.NamespaceRetry;
        double wait = around.Options.FirstRetry.TotalMilliseconds * Math.Pow(2, Math.Min(attempts - 1, 30));
        return TimeSpan.FromMilliseconds(Math.Min(wait, longest.TotalMilliseconds));
    }

    private void Report(Workload workload, EnrolmentState state)
    {
        lock (_lock)
        {
            bool same = _status.State == state;
            _status = _status with
            {
                State = state,
                Since = same ? _status.Since : around.Time.GetUtcNow(),
                Attempts = state is EnrolmentState.Enrolled ? 0 : _status.Attempts,
                NetworkNamespace = _enrolled?.Namespace.Path ?? around.Namespaces.PathOf(workload),
            };
        }
    }

    private (Workload Workload, bool Wanted) Target()
    {
        lock (_lock)
            return (_workload, _wanted);
    }

    private static bool HasIPv6(Workload workload) => workload.Addresses.Any(address => address.AddressFamily == AddressFamily.InterNetworkV6);
}
