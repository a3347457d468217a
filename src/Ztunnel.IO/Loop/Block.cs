namespace Ztunnel.IO;

/// <summary>A pinned buffer rented from a loop's <see cref="LoopBuffers"/>; dispose it once, on the loop, to give it back.</summary>
public sealed class Block : IDisposable
{
    private readonly LoopBuffers _owner;
    private bool _rented;

    internal Block(LoopBuffers owner, int sizeClass, int size)
    {
        _owner = owner;
        SizeClass = sizeClass;
        Bytes = GC.AllocateUninitializedArray<byte>(size, pinned: true);
    }

    /// <summary>The memory: pinned, not cleared, at least as large as was asked for.</summary>
    public byte[] Bytes { get; }

    internal int SizeClass { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_rented)
            return;
        _rented = false;
        _owner.Return(this);
    }

    internal Block Rented()
    {
        _rented = true;
        return this;
    }
}
