namespace Ztunnel.IO;

/// <summary>What an <see cref="EventLoop"/> is made with.</summary>
public sealed record EventLoopOptions
{
    /// <summary>The clock of the loop's timers. With a clock other than the system's, that clock's own timers wake the loop.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Size of one scratch buffer in bytes, 128 to 260 KiB; the most one read can bring, plus the headroom.</summary>
    public int ScratchSize
    {
        get;
        init
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 128 * 1024);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value, LoopBuffers.LargeBlock);
            field = value;
        }
    } = (256 * 1024) + Chunk.StandardHeadroom;

    /// <summary>Events taken from the kernel at once.</summary>
    public int EventBatch { get; init; } = 256;

    /// <summary>What the thread's name begins with; the loop's index follows. At most 12 characters show in <c>top -H</c>.</summary>
    public string ThreadName { get; init; } = "loop-";
}
