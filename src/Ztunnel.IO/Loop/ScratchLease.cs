namespace Ztunnel.IO;

/// <summary>A loan of scratch memory; dispose it, before awaiting anything, to give it back.</summary>
public readonly ref struct ScratchLease
{
    private readonly ScratchStack _stack;
    private readonly int _level;

    internal ScratchLease(ScratchStack stack)
    {
        _stack = stack;
        _level = stack.Rent();
        Span = stack[_level];
    }

    /// <summary>The memory: pinned, not cleared.</summary>
    public Span<byte> Span { get; }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => _stack?.Return(_level);
}
