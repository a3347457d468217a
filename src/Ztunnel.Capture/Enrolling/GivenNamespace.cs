using System.Collections.Immutable;
using System.Net;
using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>
/// The namespace of a pod that is being made, as the container runtime named it, with the addresses it has got: the API knows
/// neither yet, and no process runs in it.
/// </summary>
internal sealed class GivenNamespace(NetworkNamespace ns, ImmutableArray<IPAddress> addresses)
{
    private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private NetworkNamespace? _ns = ns;

    /// <summary>Which namespace it is.</summary>
    public ulong Inode { get; } = ns.Inode;

    /// <summary>The pod's addresses in it.</summary>
    public ImmutableArray<IPAddress> Addresses => addresses;

    /// <summary>Completes when the pod is enrolled in it; fails with an <see cref="EnrolmentException"/> when that did not work.</summary>
    public Task Entered => _entered.Task;

    /// <summary>Whether nothing has come of it yet.</summary>
    public bool Waits => !_entered.Task.IsCompleted;

    /// <summary>The namespace, the taker's to dispose of; null when it was taken before.</summary>
    public NetworkNamespace? Take() => Interlocked.Exchange(ref _ns, null);

    /// <summary>The pod is enrolled.</summary>
    public void Succeed()
    {
        _entered.TrySetResult();
        Take()?.Dispose();
    }

    /// <summary>It did not come to that.</summary>
    public void Refuse(EnrolmentException failure)
    {
        _entered.TrySetException(failure);
        // Whoever gave it may have stopped waiting.
        _ = _entered.Task.Exception;
        Take()?.Dispose();
    }
}
