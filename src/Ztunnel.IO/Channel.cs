namespace Ztunnel.IO;

/// <summary>
/// A two-way byte stream that belongs to one <see cref="EventLoop"/>: a TCP connection, TLS over it, or one HBONE stream.
/// All members are to be called on <see cref="Loop"/>'s thread only. Reading and writing never block: try, and if nothing
/// moved wait. An idle channel holds no buffer: bytes are lent from the loop's scratch memory, and only what was lent and
/// not consumed is kept, in a rented block, for the next read.
/// </summary>
/// <remarks>
/// At most one reader and one writer may wait at a time. Waits complete when trying again may make progress, which
/// includes the end of the stream and failure; they never throw for a failure of the channel itself. A continuation runs
/// inline on the loop, from the event that completed it.
/// </remarks>
public abstract class Channel : IDisposable
{
    /// <summary>Binds the channel to its loop.</summary>
    protected Channel(EventLoop loop)
    {
        ArgumentNullException.ThrowIfNull(loop);
        Loop = loop;
    }

    /// <summary>The loop whose thread owns this channel.</summary>
    public EventLoop Loop { get; }

    /// <summary>Why the channel is broken, or null while it is not.</summary>
    public abstract ChannelFailure? Failure { get; }

    /// <summary>Bytes of memory the channel holds because they were received and nobody took them yet.</summary>
    public virtual int Held => 0;

    /// <summary>Where <see cref="Held"/> is counted; null for nowhere.</summary>
    public BufferAccount? Account
    {
        get;
        set
        {
            field?.Add(-Held);
            field = value;
            value?.Add(Held);
        }
    }

    /// <summary>
    /// Called at most once, on the loop, when the peer or the network breaks the channel: also while nobody waits on it, as
    /// after the end of what it had to say. Not for an <see cref="Abort"/> of its own holder.
    /// </summary>
    public Action<Channel>? Broken { get; set; }

    /// <summary>
    /// Tries to read. With <see cref="ReadStatus.Data"/> <paramref name="chunk"/> lends at least one byte until
    /// <see cref="Consume"/>, which must follow before anything else is asked of this channel's reading side and before
    /// the caller awaits.
    /// </summary>
    public abstract ReadStatus TryRead(out Chunk chunk);

    /// <summary>Ends the loan of the last <see cref="TryRead"/>; bytes past <paramref name="count"/> are lent again by the next.</summary>
    public abstract void Consume(int count);

    /// <summary>Waits until <see cref="TryRead"/> may find something other than <see cref="ReadStatus.Pending"/>.</summary>
    public abstract ValueTask WaitForReadAsync(CancellationToken cancellationToken = default);

    /// <summary>
    /// Writes as much of <paramref name="chunk"/> as is taken now and returns that count; 0 means wait. The channel may
    /// overwrite the chunk's headroom, never its payload. On a broken channel everything is taken and dropped; the failure
    /// shows in <see cref="Failure"/>.
    /// </summary>
    public abstract int TryWrite(Chunk chunk);

    /// <summary>Waits until <see cref="TryWrite"/> may take something, or the channel failed.</summary>
    public abstract ValueTask WaitForWriteAsync(CancellationToken cancellationToken = default);

    /// <summary>Ends our side in order after all bytes taken so far (FIN, close_notify, END_STREAM). Idempotent.</summary>
    public abstract void ShutdownWrite();

    /// <summary>Breaks the channel at once so that the peer sees an error, not an end (RST, RST_STREAM). Wakes both waits. Idempotent.</summary>
    public abstract void Abort(ChannelFailure failure);

    /// <summary>
    /// Lets go of the channel: in order if both sides have ended, after sending what was taken; otherwise as by
    /// <see cref="Abort"/>. Idempotent.
    /// </summary>
    public abstract void Dispose();

    /// <summary>Tells <see cref="Broken"/>.</summary>
    protected void TellBroken()
    {
        Action<Channel>? broken = Broken;
        Broken = null;
        broken?.Invoke(this);
    }

    /// <summary>Reads into a caller's buffer: the count, or 0 at the end of the stream. Throws <see cref="ChannelException"/> on failure.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            switch (TryRead(out Chunk chunk))
            {
                case ReadStatus.Data:
                    int count = Math.Min(buffer.Length, chunk.Length);
                    chunk.Bytes[..count].CopyTo(buffer.Span);
                    Consume(count);
                    return count;
                case ReadStatus.End:
                    return 0;
                case ReadStatus.Failed:
                    throw new ChannelException(Failure!);
                default:
                    break;
            }

            await WaitForReadAsync(cancellationToken);
        }
    }

    /// <summary>Writes all of a caller's buffer. Throws <see cref="ChannelException"/> on failure.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            int taken = TryWriteCopy(buffer.Span);
            if (Failure is { } failure)
                throw new ChannelException(failure);
            buffer = buffer[taken..];
            if (buffer.IsEmpty)
                return;
            await WaitForWriteAsync(cancellationToken);
        }
    }

    private int TryWriteCopy(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return 0;
        using ScratchLease scratch = Loop.RentScratch();
        int count = Math.Min(bytes.Length, scratch.Span.Length - Chunk.StandardHeadroom);
        bytes[..count].CopyTo(scratch.Span[Chunk.StandardHeadroom..]);
        return TryWrite(new Chunk(scratch.Span[..(Chunk.StandardHeadroom + count)], Chunk.StandardHeadroom));
    }
}
