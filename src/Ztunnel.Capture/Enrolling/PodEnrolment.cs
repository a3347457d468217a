using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>
/// One pod on its way into the mesh, in it, or out of it. One task does everything that is done for the pod, one thing after
/// the other, always towards what was wanted last: whatever the order and pace of changes, no two steps overlap.
/// </summary>
internal sealed partial class PodEnrolment(PodEnrolment.Surroundings around, Workload first, bool wanted, bool joins)
{
    /// <summary>How many attempts a pod is worth in quick succession: after that nothing is about to appear.</summary>
    private const int FrequentAttempts = 20;

    private readonly Signal _signal = new();
    private readonly Lock _lock = new();
    private readonly List<Enrolled> _leaving = [];
    private bool _clean;
    private readonly PodAnnouncement? _announcement =
        around.Options.Announcer is { } announcer ? new PodAnnouncement(announcer, around.Time, around.Logger) : null;

    private Aim _aim = new(first, wanted, Version: 0);
    private bool _unknown;
    private bool _between;
    private bool _gone;
    private bool _captured = joins;
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Enrolled? _enrolled;
    private PodStatus _status = new(
        first,
        wanted ? new EnrolmentState.Pending("waiting for its turn") : new EnrolmentState.Removing("looking for rules of an earlier agent"),
        around.Time.GetUtcNow(),
        0,
        around.Namespaces.PathOf(first),
        0,
        null);

    /// <summary>What all pods of an agent share.</summary>
    internal sealed record Surroundings(
        CaptureOptions Options, PodNamespaces Namespaces, IPodListeners Listeners, PodProbes? Probes, EventLoop Loop, TimeProvider Time, ILogger Logger)
    {
        private readonly PodFirewall _bothWays = new(Options.Probes, bypassInbound: false);
        private readonly PodFirewall _outwards = new(Options.Probes, bypassInbound: true);

        /// <summary>The rules that a pod is to have.</summary>
        public PodFirewall FirewallOf(Workload pod) => pod.BypassesInbound ? _outwards : _bothWays;

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
    public bool Wanted => Current.Wanted;

    /// <summary>Whether the container runtime brought it.</summary>
    public bool IsGiven => Current.Given is not null;

    private Aim Current
    {
        get
        {
            lock (_lock)
                return _aim;
        }
    }

    /// <summary>
    /// What was asked for last: the pod, whether it is to be in the mesh, the namespace it was given, and the one whose sandbox
    /// was torn down.
    /// </summary>
    private sealed record Aim(Workload Workload, bool Wanted, int Version, GivenNamespace? Given = null, ulong? TornDown = null);

    /// <summary>Says what the pod is now, as the model has it, and whether it is to be in the mesh; <paramref name="gone"/> when it has been deleted.</summary>
    public void Want(Workload workload, bool wanted, bool gone = false)
    {
        lock (_lock)
        {
            _unknown = false;
            _gone = gone;
            Change(_aim with { Workload = workload, Wanted = wanted });
        }

        _announcement?.See(workload);
        _signal.Set();
    }

    /// <summary>
    /// Has the pod enrolled in a namespace before anything runs in it; see <see cref="GivenNamespace.Entered"/> for what comes of
    /// it. <paramref name="unknown"/> when the model does not have the pod yet.
    /// </summary>
    public void Give(Workload workload, GivenNamespace given, bool unknown)
    {
        GivenNamespace? replaced;
        lock (_lock)
        {
            _unknown = unknown;
            replaced = _aim.Given;
            Change(_aim with { Workload = workload, Wanted = workload.Ambient, Given = given, TornDown = null });
        }

        replaced?.Refuse(new EnrolmentException(EnrolmentFailure.NamespaceAbsent, "the container runtime has made the pod another network namespace"));
        _signal.Set();
    }

    /// <summary>The sandbox whose network namespace it was is being torn down: nothing of the pod is left in there.</summary>
    public void TearDown(ulong inode)
    {
        lock (_lock)
            Change(_aim with { TornDown = inode });
        _signal.Set();
    }

    private void Change(Aim aim)
    {
        _aim = aim with { Version = _aim.Version + 1 };
        _status = _status with { Workload = aim.Workload, Attempts = 0 };
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
        _announcement?.See(first);
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
            Current.Given?.Refuse(new EnrolmentException(EnrolmentFailure.NotWanted, "the agent stops"));
            _enrolled?.Dispose();
            foreach (Enrolled each in _leaving)
                each.Dispose();
        }
    }

    /// <summary>Does what is to be done now; returns how long to rest if nothing happens.</summary>
    private async Task<TimeSpan> Step(CancellationToken stopping)
    {
        Aim aim = Current;
        try
        {
            await Finish(stopping);
            aim = WithAddresses(aim);
            if (_enrolled is not null && (!aim.Wanted || !await IsStill(_enrolled, aim, stopping)))
            {
                await Leave(aim, stopping);
                aim = WithAddresses(AfterLeaving());
            }

            if (!aim.Wanted)
            {
                aim.Given?.Refuse(new EnrolmentException(EnrolmentFailure.NotWanted, "by now the pod is not to be in the mesh"));
                await Clean(aim.Workload, stopping);
                return Timeout.InfiniteTimeSpan;
            }

            return _enrolled is null ? await Enter(aim, stopping) : await Keep(_enrolled, aim, stopping);
        }
        catch (EnrolmentException failure)
        {
            return Failed(aim, failure);
        }
        catch (IOException failure)
        {
            return Failed(aim, new EnrolmentException(EnrolmentFailure.NamespaceUnusable, failure.Message, failure));
        }
#pragma warning disable CA1031 // A defect met with one pod must not take the others, or the process, with it.
        catch (Exception defect) when (defect is not OperationCanceledException)
#pragma warning restore CA1031
        {
            CaptureLog.Broken(around.Logger, aim.Workload, defect);
            return Failed(aim, new EnrolmentException(EnrolmentFailure.Internal, defect.Message, defect));
        }
    }

    /// <summary>
    /// With the addresses the pod is known to have. The API learns them after its first process has started, and is not believed
    /// when what it says is not in the namespace that the container runtime itself named.
    /// </summary>
    private Aim WithAddresses(Aim aim)
    {
        if (!aim.Workload.Addresses.IsEmpty && (aim.Given is null || _enrolled is null || PodNamespaces.Holds(_enrolled.Namespace, aim.Workload)))
            return aim;
        ImmutableArray<IPAddress> known = aim.Given?.Addresses ?? _enrolled?.Workload.Addresses ?? [];
        if (known.IsEmpty)
            return aim;
        if (!aim.Workload.Addresses.IsEmpty && _enrolled is not null && !_enrolled.ContradictionTold)
        {
            _enrolled.ContradictionTold = true;
            CaptureLog.AddressesDiffer(around.Logger, aim.Workload, string.Join(", ", aim.Workload.Addresses), string.Join(", ", known));
        }

        return aim with { Workload = aim.Workload with { Addresses = known } };
    }

    private void LetGo(NetworkNamespace ns)
    {
        if (_enrolled?.Namespace.Inode != ns.Inode && !_leaving.Exists(each => each.Namespace.Inode == ns.Inode))
            around.Namespaces.Release(ns);
        ns.Dispose();
    }

    private TimeSpan Failed(Aim aim, EnrolmentException failure)
    {
        Workload workload = aim.Workload;
        EnrolmentState before = Status.State;
        Report(workload, aim.Wanted ? new EnrolmentState.Failed(failure.Reason, failure.Message) : new EnrolmentState.Removing($"{failure.Reason}: {failure.Message}"));
        if (before != Status.State)
            CaptureLog.Failed(around.Logger, workload, failure.Reason, failure.Message);
        if (aim.Wanted && (before as EnrolmentState.Failed)?.Reason != failure.Reason)
            around.Options.Announcer?.Tell(workload, PodNews.AmbientEnrolmentFailed, $"{failure.Reason}: {failure.Message}");
        int attempts;
        lock (_lock)
        {
            attempts = _status.Attempts + 1;
            _status = _status with { Attempts = attempts };
            if (_aim.Given == aim.Given && _enrolled is null)
                _aim = _aim with { Given = null, Wanted = _aim.Wanted && !_unknown };
        }

        aim.Given?.Refuse(failure);
        bool costly = attempts > FrequentAttempts
            || failure.Reason is EnrolmentFailure.ListenersFailed or EnrolmentFailure.RulesRefused or EnrolmentFailure.RoutingRefused or EnrolmentFailure.Internal;
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

    private static bool HasIPv6(Workload workload) => workload.Addresses.Any(address => address.AddressFamily == AddressFamily.InterNetworkV6);
}
