using System.Runtime.InteropServices;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>The writing side of a channel: memory that a caller owns, without copying it first.</summary>
internal abstract class ChannelWriting<T>(Channel channel) : ChannelOperation<T>(channel)
{
    /// <inheritdoc/>
    protected override ValueTask Wait() => Channel.WaitForWriteAsync();

    /// <inheritdoc/>
    protected override Exception Stopped() => new ChannelException(new ChannelFailure(FailureKind.Closed, "the event loop stopped"));

    /// <summary>Writes as much as is taken now; throws <see cref="ChannelException"/> when the channel is broken.</summary>
    protected int TryWrite(ReadOnlySpan<byte> bytes)
    {
        // Without headroom there is nothing in front that a channel may overwrite, and it never overwrites the payload.
        Span<byte> lent = MemoryMarshal.CreateSpan(ref MemoryMarshal.GetReference(bytes), bytes.Length);
        int taken = Channel.TryWrite(new Chunk(lent, headroom: 0));
        return Channel.Failure is { } failure ? throw new ChannelException(failure) : taken;
    }
}
