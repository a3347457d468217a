using System.Collections.Concurrent;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>
/// Finds pods' namespaces by their processes: the namespace is the one that the first process in the pod's control group is
/// in. Asks no container runtime, and believes nothing that the pod says of itself. One pass over /proc serves all who wait.
/// </summary>
internal sealed class ProcessNamespaces : INamespaceFinder
{
    private readonly string _proc;
    private readonly HashSet<ulong> _nodes;
    private readonly ConcurrentDictionary<ulong, PodProcess> _seen = new();
    private readonly Lock _lock = new();
    private Task _running = Task.CompletedTask;
    private Task<ProcessScan>? _next;
    private int _passes;

    /// <summary>Finds by the node's /proc at <paramref name="proc"/>; <paramref name="nodes"/> are namespaces that are no pod's.</summary>
    public ProcessNamespaces(string proc, IEnumerable<ulong> nodes)
    {
        _proc = proc;
        _nodes = [.. nodes];
        // The node's own, as its first process is there; an agent in a pod of its own may be elsewhere.
        if (ProcessScan.NamespaceOf(proc, 1) is { } first)
            _nodes.Add(first);
    }

    /// <summary>How many passes over /proc have begun.</summary>
    internal int Passes => Volatile.Read(ref _passes);

    /// <inheritdoc/>
    public string? PathOf(Workload pod) => null;

    /// <inheritdoc/>
    public async Task<FoundNamespace> Find(Workload pod, CancellationToken cancellationToken)
    {
        ProcessScan scan = await Pass().WaitAsync(cancellationToken);
        if (scan.FirstOf(pod.KubeletUid, out string? foreign) is not { } process)
        {
            throw foreign is null
                ? new EnrolmentException(EnrolmentFailure.NamespaceAbsent, $"no process of the pod (uid {pod.KubeletUid}) is in a network namespace of its own")
                : new EnrolmentException(EnrolmentFailure.NamespaceForeign, $"the pod's processes are in the network namespace of the pod with uid {foreign} only");
        }

        NetworkNamespace ns = Open(process);
        if (ns.Inode != process.Namespace || !scan.IsUnchanged(process))
        {
            ns.Dispose();
            throw Vanished(process);
        }

        _seen[ns.Inode] = process;
        return new FoundNamespace(ns, scan.TimeOf(process));
    }

    /// <summary>While the process is there by which it was found, nothing needs to be searched.</summary>
    public async Task<bool?> Finds(Workload pod, NetworkNamespace held, CancellationToken cancellationToken)
    {
        if (_seen.TryGetValue(held.Inode, out PodProcess? known) && known.Pod == pod.KubeletUid && ProcessScan.IsThere(_proc, known))
            return true;
        _seen.TryRemove(held.Inode, out _);
        ProcessScan scan = await Pass().WaitAsync(cancellationToken);
        if (scan.FirstOf(pod.KubeletUid, out _) is not { } process)
            return null;
        if (process.Namespace != held.Inode)
            return false;
        _seen[held.Inode] = process;
        return true;
    }

    /// <summary>The result of a pass that has not begun yet: one under way may have passed by what is asked for.</summary>
    private Task<ProcessScan> Pass()
    {
        lock (_lock)
        {
            if (_next is null)
            {
                _next = After(_running);
                _running = _next.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            }

            return _next;
        }
    }

    private async Task<ProcessScan> After(Task running)
    {
        await running;
        await Task.Yield();
        lock (_lock)
        {
            _next = null;
            _passes++;
        }

        try
        {
            return ProcessScan.Make(_proc, _nodes);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            throw new EnrolmentException(EnrolmentFailure.NamespaceUnusable, $"{_proc} cannot be read: {unreadable.Message}", unreadable);
        }
    }

    private NetworkNamespace Open(PodProcess process)
    {
        try
        {
            return NetworkNamespace.Open(ProcessScan.PathTo(_proc, process.Pid));
        }
        catch (NetworkNamespaceException failure) when (failure.Failure is NetworkNamespaceFailure.Absent)
        {
            throw Vanished(process);
        }
        catch (NetworkNamespaceException failure)
        {
            throw EnrolmentException.Of(failure);
        }
    }

    private static EnrolmentException Vanished(PodProcess process) =>
        new(EnrolmentFailure.NamespaceAbsent, $"process {process.Pid} of the pod ended while its network namespace was being opened");
}
