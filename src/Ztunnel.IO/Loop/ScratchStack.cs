using System.Numerics;

namespace Ztunnel.IO;

/// <summary>
/// A loop's large pinned buffers, lent as a stack: whoever reads while an outer reader still holds its loan gets the next
/// buffer. Nearly always one or two are in use.
/// </summary>
internal sealed class ScratchStack(int size)
{
    private const int MaxDepth = 64;

    private readonly byte[]?[] _buffers = new byte[MaxDepth][];
    private ulong _lent;

    /// <summary>True while any buffer is lent.</summary>
    public bool AnyLent => _lent != 0;

    /// <summary>Lends the buffer above all that are lent now.</summary>
    public int Rent()
    {
        int level = MaxDepth - BitOperations.LeadingZeroCount(_lent);
        if (level == MaxDepth)
            throw new InvalidOperationException("Scratch buffers are nested too deep: loans are not being returned.");
        _lent |= 1UL << level;
        _buffers[level] ??= GC.AllocateUninitializedArray<byte>(size, pinned: true);
        return level;
    }

    public byte[] this[int level] => _buffers[level]!;

    public void Return(int level) => _lent &= ~(1UL << level);

    /// <summary>Takes back all loans.</summary>
    public void Reset() => _lent = 0;
}
