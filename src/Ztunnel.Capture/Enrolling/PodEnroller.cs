using System.Collections.Immutable;
using System.Net;
using Microsoft.Extensions.Logging;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>
/// Keeps this node's ambient pods captured: follows the model, enrols pods that enter the mesh, keeps their rules as they
/// should be, and releases those that leave. A pod that fails is shown with its reason and tried again; it holds up no other.
/// </summary>
/// <remarks>
/// The order on the way in is listeners, routing, rules; on the way out the rules stop capturing, the listeners close,
/// connections under way end, and then the last rule goes. When the agent stops or dies, rules stay: without listeners a pod's
/// connections are refused, not let out in the clear, until the next agent opens them again.
/// </remarks>
public sealed class PodEnroller : IAsyncDisposable
{
    private readonly PodEnrolment.Surroundings _around;
    private readonly PodProbes? _probes;
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (PodEnrolment Enrolment, Task Driving)> _pods = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ITimer _sweep;
    private MeshState? _mesh;
    private IDisposable? _observation;
    private bool _following;

    /// <summary>Makes an enroller that does nothing until it has a model to follow.</summary>
    /// <param name="options">Which pods, and how.</param>
    /// <param name="listeners">What opens listeners in them.</param>
    /// <param name="loop">Where news of changed rules arrive; next to nothing is done on it.</param>
    /// <param name="logger">Where enrolments and failures are told.</param>
    /// <param name="time">The clock for waits.</param>
    public PodEnroller(CaptureOptions options, IPodListeners listeners, EventLoop loop, ILogger<PodEnroller> logger, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        time ??= TimeProvider.System;
        var gate = new Gate();
        _probes = options.Probes == ProbePath.None ? null : new PodProbes(options, loop, gate, time, logger);
        _around = new PodEnrolment.Surroundings(
            options, new PodNamespaces(options), listeners, _probes, loop, time, logger)
        { Gate = gate };
        _sweep = time.CreateTimer(static state => ((PodEnroller)state!).Sweep(), this, options.SweepInterval, options.SweepInterval);
    }

    /// <summary>Enrols the pods that <paramref name="mesh"/> has, and follows it from now on. To be called once.</summary>
    public void Follow(MeshState mesh)
    {
        ArgumentNullException.ThrowIfNull(mesh);
        _mesh = mesh;
        _observation = mesh.Observe(Changed);
        _following = true;
        Settled = Settle();
    }

    /// <summary>Completes when each pod that was in the model at the start has been tried, whatever came of it.</summary>
    public Task Settled { get; private set; } = Task.CompletedTask;

    /// <summary>
    /// Enrols a pod in the network namespace that the container runtime has just made for it, before anything runs there, and
    /// returns when it is captured. The model may not have the pod yet, and does not know its addresses. Throws
    /// <see cref="EnrolmentException"/> when it is not captured. Only after <see cref="Follow"/>.
    /// </summary>
    /// <param name="pod">The pod, with uid.</param>
    /// <param name="ns">The namespace, which becomes the enroller's.</param>
    /// <param name="addresses">The addresses the pod has in it; at least one.</param>
    /// <param name="cancellationToken">Ends the wait: the pod is let go of again.</param>
    public async Task Enrol(Workload pod, NetworkNamespace ns, ImmutableArray<IPAddress> addresses, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pod);
        ArgumentNullException.ThrowIfNull(ns);
        var given = new GivenNamespace(ns, addresses);
        // What the model knows of the time before the pod was bound says less than whoever brings it, and judges it as none of the mesh's.
        Workload? known = _mesh?.WorkloadByUid(pod.Uid) is { Node: not "" } bound ? bound : null;
        lock (_lock)
        {
            if (_stopping.IsCancellationRequested)
            {
                given.Refuse(new EnrolmentException(EnrolmentFailure.NotWanted, "the agent stops"));
            }
            else
            {
                if (!_pods.ContainsKey(pod.Uid))
                    Begin(known ?? pod, wanted: true, joins: true);
                _pods[pod.Uid].Enrolment.Give(known ?? pod, given, unknown: known is null);
            }
        }

        try
        {
            await given.Entered.WaitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            TearDown(pod.Uid, given.Inode);
            throw;
        }
    }

    /// <summary>The container runtime tears the sandbox with this network namespace down: what was done in it is let go of.</summary>
    public void TearDown(string uid, ulong networkNamespace)
    {
        lock (_lock)
        {
            if (_pods.TryGetValue(uid, out (PodEnrolment Enrolment, Task Driving) pod))
                pod.Enrolment.TearDown(networkNamespace);
        }
    }

    /// <summary>Where each pod is that is in the mesh, entering or leaving it, by namespace and name.</summary>
    public ImmutableArray<PodStatus> Snapshot()
    {
        lock (_lock)
        {
            return
            [
                .. _pods.Values.Select(pod => pod.Enrolment.Status)
                    .OrderBy(status => status.Workload.Namespace, StringComparer.Ordinal).ThenBy(status => status.Workload.Name, StringComparer.Ordinal),
            ];
        }
    }

    /// <summary>
    /// Changes nothing any more, in no pod and not on the node, once this completes: another agent is about to take over. What
    /// is enrolled stays enrolled, and its namespace open.
    /// </summary>
    public Task Pause() => _around.Gate.Close();

    /// <summary>Goes on after <see cref="Pause"/>: nobody took over.</summary>
    public void Resume() => _around.Gate.Open();

    /// <summary>Releases every pod, as if all had left the mesh, and returns when nothing of ours is left in any.</summary>
    public async Task ReleaseAll(CancellationToken cancellationToken)
    {
        _observation?.Dispose();
        Task[] driving;
        lock (_lock)
        {
            foreach ((PodEnrolment enrolment, _) in _pods.Values)
                enrolment.Want(enrolment.Status.Workload, wanted: false);
            driving = [.. _pods.Values.Select(pod => pod.Driving)];
        }

        await Task.WhenAll(driving).WaitAsync(cancellationToken);
        if (_probes is not null)
            await _probes.RemoveAll(cancellationToken);
    }

    /// <summary>
    /// Stops following and working. Rules stay where they are. Sessions are the proxy's to end, and best ended before: it can
    /// make no new sockets in the pods' namespaces afterwards. Idempotent.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        if (_stopping.IsCancellationRequested)
            return;
        _observation?.Dispose();
        await _stopping.CancelAsync();
        await _sweep.DisposeAsync();
        Task[] driving;
        lock (_lock)
            driving = [.. _pods.Values.Select(pod => pod.Driving)];
        await Task.WhenAll(driving);
        if (_probes is not null)
            await _probes.DisposeAsync();
        _stopping.Dispose();
    }

    private async Task Settle()
    {
        Task[] tried;
        lock (_lock)
            tried = [.. _pods.Values.Select(pod => pod.Enrolment.Tried)];
        await Task.WhenAll(tried);
        _probes?.Complete();
    }

    private void Changed(WorkloadChange change)
    {
        Workload workload = change.Subject;
        bool wanted = change.New is { Ambient: true } && workload.Node == _around.Options.Node;
        lock (_lock)
        {
            if (_pods.TryGetValue(workload.Uid, out (PodEnrolment Enrolment, Task Driving) pod))
            {
                // One that the container runtime makes here is bound to this node: what the model knows of the time before does not count.
                if (change.New is not { Node: "" } || !pod.Enrolment.IsGiven)
                    pod.Enrolment.Want(workload, wanted, gone: change.New is null);
            }
            else if ((wanted || MayHoldRules(change)) && !_stopping.IsCancellationRequested)
                Begin(workload, wanted, joins: change.Old is not null);
        }
    }

    /// <summary>
    /// Whether a pod not in the mesh is one that was, as far as an earlier agent is concerned. Where pods do not name their
    /// namespaces that may be any that ran before this agent did.
    /// </summary>
    private bool MayHoldRules(WorkloadChange change) =>
        change is { Old: null, New: { HostNetwork: false } pod } && pod.Node == _around.Options.Node
        && (_around.Options.Proc is null ? pod.NetworkNamespace is not null : pod.Announced || (!_following && !pod.Addresses.IsEmpty));

    private void Begin(Workload workload, bool wanted, bool joins)
    {
        var enrolment = new PodEnrolment(_around, workload, wanted, joins);
        _pods[workload.Uid] = (enrolment, Task.Run(() => enrolment.Drive(() => Finished(enrolment), _stopping.Token)));
    }

    /// <summary>Forgets a pod with which nothing is left to do, unless it is wanted again.</summary>
    private bool Finished(PodEnrolment enrolment)
    {
        lock (_lock)
        {
            if (enrolment.Wanted)
                return false;
            _pods.Remove(enrolment.Status.Workload.Uid);
            return true;
        }
    }

    private void Sweep()
    {
        lock (_lock)
        {
            foreach ((PodEnrolment enrolment, _) in _pods.Values)
                enrolment.Look();
        }
    }
}
