using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>What holds a pod in the mesh: its namespace, its listeners, and the watch over its rules.</summary>
internal sealed class Enrolled(Workload workload, NetworkNamespace ns, IPodSession session) : IDisposable
{
    private NamespaceWatch? _watch;
    private ProbeStatus? _probed;

    public NetworkNamespace Namespace => ns;

    /// <summary>Whether rules of ours are in the namespace because of this.</summary>
    public bool HasRules { get; set; }

    /// <summary>The pod as it was when it was looked at last.</summary>
    public Workload Workload { get; set; } = workload;

    /// <summary>The generation of the ruleset last found right; null when it has to be looked at.</summary>
    public uint? Generation { get; set; }

    /// <summary>The time in which it was not captured although it ran; null without one.</summary>
    public UncapturedSpan? Uncaptured { get; init; }

    /// <summary>Whether it was told that the API says other addresses than its namespace has.</summary>
    public bool ContradictionTold { get; set; }

    /// <summary>When its rules were looked at last, a timestamp of the enroller's clock.</summary>
    public long LookedAt { get; set; }

    /// <summary>What came of trying whether probes get through; null while it was not begun.</summary>
    public ProbeStatus? Probed
    {
        get => Volatile.Read(ref _probed);
        set => Volatile.Write(ref _probed, value);
    }

    /// <summary>Completes when its last connection has ended; null until it was told to let them end.</summary>
    public Task? Drained { get; private set; }

    /// <summary>Ends its listeners and lets its connections end; <paramref name="drained"/> is called when they have.</summary>
    public void Drain(Action drained)
    {
        _watch?.Dispose();
        Drained = EndSession();
        _ = Drained.ContinueWith(_ => drained(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Calls <paramref name="changed"/> whenever rules or routing in the namespace change.</summary>
    public void Watch(EventLoop loop, Action changed) => _watch = NamespaceWatch.Start(loop, ns, changed);

    public void Dispose()
    {
        _watch?.Dispose();
        ns.Dispose();
    }

    /// <summary>Makes an exception thrown at once and one thrown later the same: a faulted task.</summary>
    private async Task EndSession() => await session.Drain();
}
