using System.Runtime.CompilerServices;

namespace Ztunnel.IO;

/// <summary>
/// The sealed bytes between a TLS connection and its transport. Large writes are sealed into scratch memory and handed to
/// the transport at once, several records together; small ones are gathered and leave together at the end of the loop's
/// iteration. What the transport would not take is kept in a block, and while there is any nothing more is taken.
/// </summary>
internal sealed class TlsOutput : ILoopFlush
{
    // Above this, sealing and sending at once costs less than gathering saves.
    private const int SmallWrite = 4 * 1024;

    // The alert, and a key update that may be due ahead of it.
    private const int CloseNotifyRoom = 64;
    private const int MostSealedWaiting = 32;

    private readonly Channel _transport;
    private readonly TlsSession _session;
    private readonly Action _transportWritable;
    private readonly ChannelWait _drained;
    private ValueTaskAwaiter _transportWait;
    private Block? _block;
    private int _start;
    private int _end;
    private bool _blocked;
    private bool _flushQueued;
    private bool _stopped;
    private int _sealedWaiting;
    private Action? _whenSent;

    public TlsOutput(Channel transport, TlsSession session)
    {
        _transport = transport;
        _session = session;
        _drained = new ChannelWait(transport.Loop);
        _transportWritable = OnTransportWritable;
    }

    /// <summary>Sealed bytes not yet given to the transport.</summary>
    public int Unsent => _end - _start;

    /// <summary>Seals and sends or gathers; returns how much of <paramref name="bytes"/> was taken, 0 while the transport is behind.</summary>
    public int Write(ReadOnlySpan<byte> bytes)
    {
        if (_blocked)
            return 0;
        return bytes.Length <= SmallWrite && !_transport.Loop.IsFlushing && TryGather(bytes) ? bytes.Length : Send(bytes);
    }

    /// <summary>Seals close_notify behind everything taken so far and sends it as soon as the transport takes it.</summary>
    public void WriteCloseNotify()
    {
        if (_stopped)
            return;
        Reserve(CloseNotifyRoom);
        _end += _session.CloseNotify(_block!.Bytes.AsSpan(_end));
        if (!_blocked)
            Push();
    }

    /// <summary>
    /// Sends records that are sealed already, behind everything taken so far. False when the transport is behind and so many
    /// wait already that the peer must be producing them on purpose.
    /// </summary>
    public bool TryWriteSealed(ReadOnlySpan<byte> records)
    {
        if (_stopped || records.IsEmpty)
            return true;
        _sealedWaiting = _blocked ? _sealedWaiting + 1 : 0;
        if (_sealedWaiting > MostSealedWaiting)
            return false;
        Reserve(records.Length);
        records.CopyTo(_block!.Bytes.AsSpan(_end));
        _end += records.Length;
        if (!_blocked)
            Push();
        return true;
    }

    /// <summary>Completes when <see cref="Write(ReadOnlySpan{byte})"/> may take something, or after <see cref="Stop"/>.</summary>
    public ValueTask WaitAsync(CancellationToken cancellationToken) =>
        _blocked && !_stopped ? _drained.WaitAsync(cancellationToken) : ValueTask.CompletedTask;

    /// <summary>Calls <paramref name="action"/> once, when all that was taken is with the transport: now or later, never after <see cref="Stop"/>.</summary>
    public void WhenSent(Action action)
    {
        Flush();
        if (Unsent == 0)
            action();
        else
            _whenSent += action;
    }

    /// <summary>Drops what is unsent and wakes the writer.</summary>
    public void Stop()
    {
        if (_stopped)
            return;
        _stopped = true;
        _whenSent = null;
        ReleaseBlock();
        _drained.Complete();
    }

    /// <inheritdoc/>
    public void Flush()
    {
        _flushQueued = false;
        if (!_blocked && Unsent > 0)
            Push();
    }

    /// <summary>Seals a small write into the block where the loop's iteration gathers them; false when it has no room.</summary>
    private bool TryGather(ReadOnlySpan<byte> bytes)
    {
        _block ??= _transport.Loop.Buffers.Rent(LoopBuffers.SmallBlock);
        if (_block.Bytes.Length - _end < _session.Room(bytes.Length))
            return false;
        _session.Seal(bytes, _block.Bytes.AsSpan(_end), out int written);
        _end += written;
        if (!_flushQueued)
        {
            _flushQueued = true;
            _transport.Loop.FlushLater(this);
        }

        return true;
    }

    /// <summary>Sends what was gathered and <paramref name="bytes"/> together, sealed in scratch memory; keeps what the transport leaves.</summary>
    private int Send(ReadOnlySpan<byte> bytes)
    {
        using ScratchLease scratch = _transport.Loop.RentScratch();
        Span<byte> room = scratch.Span[Chunk.StandardHeadroom..];
        int gathered = Unsent;
        if (gathered > 0)
            _block!.Bytes.AsSpan(_start, gathered).CopyTo(room);
        int taken = _session.Seal(bytes, room[gathered..], out int written);
        ReleaseBlock();
        int total = gathered + written;
        int sent = _transport.TryWrite(new Chunk(scratch.Span[..(Chunk.StandardHeadroom + total)], Chunk.StandardHeadroom));
        if (sent < total)
            Keep(room[sent..total]);
        return taken;
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        _block = _transport.Loop.Buffers.Rent(bytes.Length);
        bytes.CopyTo(_block.Bytes);
        _end = bytes.Length;
        if (!WaitForTransport())
            Push();
    }

    /// <summary>Gives the transport what is in the block, or as much as it takes and the rest when it can.</summary>
    private void Push()
    {
        do
        {
            _start += _transport.TryWrite(new Chunk(_block!.Bytes.AsSpan(0, _end), _start));
            if (_stopped)
                return;
            if (Unsent == 0)
            {
                Sent();
                return;
            }
        }
        while (!WaitForTransport());
    }

    private void Sent()
    {
        ReleaseBlock();
        Action? action = _whenSent;
        _whenSent = null;
        action?.Invoke();
    }

    /// <summary>Has <see cref="Push"/> continued when the transport takes more; false when it does now.</summary>
    private bool WaitForTransport()
    {
        ValueTaskAwaiter wait = _transport.WaitForWriteAsync().GetAwaiter();
        if (wait.IsCompleted)
        {
            wait.GetResult();
            return false;
        }

        _blocked = true;
        _transportWait = wait;
        wait.UnsafeOnCompleted(_transportWritable);
        return true;
    }

    private void OnTransportWritable()
    {
        _transportWait.GetResult();
        if (_stopped)
            return;
        _blocked = false;
        Push();
        if (!_blocked)
            _drained.Complete();
    }

    /// <summary>Makes room for a few more bytes in the block, behind what it holds.</summary>
    private void Reserve(int count)
    {
        LoopBuffers buffers = _transport.Loop.Buffers;
        if (_block is not { } full)
        {
            _block = buffers.Rent(count);
            return;
        }

        if (full.Bytes.Length - _end >= count)
            return;
        _block = buffers.Rent(Unsent + count);
        full.Bytes.AsSpan(_start, Unsent).CopyTo(_block.Bytes);
        _end = Unsent;
        _start = 0;
        full.Dispose();
    }

    private void ReleaseBlock()
    {
        _block?.Dispose();
        _block = null;
        _start = 0;
        _end = 0;
    }
}
