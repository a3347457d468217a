namespace Ztunnel.IO;

/// <summary>
/// A loop's pool of blocks for bytes that must outlive the scratch buffer: what a peer would not take yet, records being
/// gathered. Blocks unused for a while are let go, half of them each second. Loop thread only.
/// </summary>
public sealed class LoopBuffers
{
    /// <summary>The smallest block, in bytes: one TLS record and its framing.</summary>
    public const int SmallBlock = 17 * 1024;

    /// <summary>The middle block, in bytes.</summary>
    public const int MediumBlock = 65 * 1024;

    /// <summary>The largest block, in bytes: all that one read into scratch memory can leave over.</summary>
    public const int LargeBlock = 260 * 1024;

    private static readonly int[] Sizes = [SmallBlock, MediumBlock, LargeBlock];
    private static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(1);

    private readonly EventLoop _loop;
    private readonly Stack<Block>[] _free = [new(), new(), new()];
    private readonly int[] _leastFree = new int[Sizes.Length];
    private bool _trimScheduled;

    internal LoopBuffers(EventLoop loop) => _loop = loop;

    /// <summary>Bytes in blocks rented now.</summary>
    public long RentedBytes { get; private set; }

    /// <summary>Bytes in blocks kept for the next renter.</summary>
    public long FreeBytes { get; private set; }

    /// <summary>Rents a block of at least <paramref name="size"/> bytes, up to <see cref="LargeBlock"/>.</summary>
    public Block Rent(int size)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(size, LargeBlock);
        int sizeClass = size <= SmallBlock ? 0 : size <= MediumBlock ? 1 : 2;
        RentedBytes += Sizes[sizeClass];
        if (!_free[sizeClass].TryPop(out Block? block))
            return new Block(this, sizeClass, Sizes[sizeClass]).Rented();
        FreeBytes -= Sizes[sizeClass];
        _leastFree[sizeClass] = Math.Min(_leastFree[sizeClass], _free[sizeClass].Count);
        return block.Rented();
    }

    internal void Return(Block block)
    {
        int size = Sizes[block.SizeClass];
        RentedBytes -= size;
        FreeBytes += size;
        _free[block.SizeClass].Push(block);
        if (_trimScheduled)
            return;
        _trimScheduled = true;
        _loop.Schedule(TrimInterval, static state => ((LoopBuffers)state!).Trim(), this);
    }

    /// <summary>Drops half, rounded up, of the blocks nobody needed since the last look.</summary>
    private void Trim()
    {
        for (int sizeClass = 0; sizeClass < Sizes.Length; sizeClass++)
        {
            for (int drop = (_leastFree[sizeClass] + 1) / 2; drop > 0; drop--)
            {
                _free[sizeClass].Pop();
                FreeBytes -= Sizes[sizeClass];
            }

            _leastFree[sizeClass] = _free[sizeClass].Count;
        }

        _trimScheduled = FreeBytes > 0;
        if (_trimScheduled)
            _loop.Schedule(TrimInterval, static state => ((LoopBuffers)state!).Trim(), this);
    }
}
