using System.Collections.Immutable;

namespace Ztunnel.Diagnostics;

/// <summary>What a node answers when it is asked whether it can take traffic.</summary>
public enum ReadinessState
{
    /// <summary>The listeners are not up yet.</summary>
    Starting,

    /// <summary>The node listens. What becomes of single pods does not change this: they are shown, they do not take the node down.</summary>
    Ready,

    /// <summary>The node was told to stop and takes no new connections.</summary>
    Draining,
}

/// <summary>Holds the node's readiness: the start and the stop sequence set it, the probe reads it. Safe from any thread.</summary>
public sealed class Readiness
{
    private volatile ReadinessState _state;
    private ImmutableSortedDictionary<string, string> _faults = ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal);
    private volatile string? _waitsFor;

    /// <summary>The state now; <see cref="ReadinessState.Starting"/> at first.</summary>
    public ReadinessState State
    {
        get => _state;
        set => _state = value;
    }

    /// <summary>What it waits for while <see cref="ReadinessState.Starting"/>, for a person; null where that is nothing in particular.</summary>
    public string? WaitsFor
    {
        get => _waitsFor;
        set => _waitsFor = value;
    }

    /// <summary>Why it takes no traffic although it is <see cref="ReadinessState.Ready"/>, for a person; null while nothing is wrong.</summary>
    public string? Fault => Volatile.Read(ref _faults) is { IsEmpty: false } faults ? string.Join("; ", faults.Values) : null;

    /// <summary>Says what is wrong with a part of the node, for a person; null when nothing is any more.</summary>
    /// <param name="part">Which part: what is said of one leaves the others alone.</param>
    /// <param name="fault">What is wrong.</param>
    public void Note(string part, string? fault) =>
        ImmutableInterlocked.Update(ref _faults, faults => fault is null ? faults.Remove(part) : faults.SetItem(part, fault));
}
