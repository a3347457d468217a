using Ztunnel.Hbone.Flow;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>
/// One CONNECT tunnel (RFC 9113 section 8.5): a two-way byte stream inside an <see cref="HboneConnection"/>. An idle one is
/// this object and nothing else. Bytes that arrive are lent in place, out of the chunk the transport lent; only what is
/// not consumed at once is kept. END_STREAM is <see cref="ReadStatus.End"/>, RST_STREAM is
/// <see cref="FailureKind.Reset"/>; bytes that came before a reset are still read before the failure shows to the reader.
/// </summary>
public sealed class HboneStream : Channel
{
    private readonly HboneConnection _connection;
    private ChannelWait? _readWait;
    private ChannelWait? _writeWait;
    private StreamInbox? _inbox;
    private ChannelFailure? _failure;
    private SendWindow _sendWindow;
    private ReceiveWindow _receiveWindow;
    private int _lentOffset;
    private int _lentLength;
    private Flags _flags;

    internal HboneStream(HboneConnection connection, int id, int sendWindow, int receiveWindow)
        : base(connection.Loop)
    {
        _connection = connection;
        Id = id;
        _sendWindow = new SendWindow(sendWindow);
        _receiveWindow = new ReceiveWindow(receiveWindow);
    }

    [Flags]
    private enum Flags : byte
    {
        None = 0,
        Connected = 1,
        LocalEnded = 2,
        RemoteEnded = 4,
        Closed = 8,
        LentFromInbox = 16,
        Queued = 32,
        Bulk = 64,
        ResetWithoutError = 128,
    }

    /// <summary>The connection that carries the tunnel.</summary>
    public HboneConnection Connection => _connection;

    /// <summary>The stream's number on its connection.</summary>
    public int Id { get; }

    /// <inheritdoc/>
    public override ChannelFailure? Failure => _failure;

    /// <inheritdoc/>
    public override int Held => _inbox?.Length ?? 0;

    /// <summary>Bytes received and not consumed.</summary>
    public int Unread => (_inbox?.Length ?? 0) + _lentLength;

    /// <summary>The next in a <see cref="WriterQueue"/>.</summary>
    internal HboneStream? NextWriter { get; set; }

    /// <summary>When the writer began to wait for the stream's window, in milliseconds of the connection's wrapping clock.</summary>
    internal uint StalledAt { get; private set; }

    /// <summary>True while the writer waits for the peer to open the stream's window.</summary>
    internal bool IsStalled => IsWriteWaiting && _sendWindow.Available <= 0;

    internal bool IsWriteWaiting => _writeWait is { IsWaiting: true };

    /// <summary>What the peer lets us send now; nothing at zero or below.</summary>
    internal int SendWindow => _sendWindow.Available;

    /// <summary>How large the receive window has grown.</summary>
    internal int ReceiveWindowSize => _receiveWindow.Size;

    /// <summary>The exchange that opens the tunnel, until it is over.</summary>
    internal IOpening? Opening { get; set; }

    /// <summary>The CONNECT was answered with success.</summary>
    internal bool IsConnected => Has(Flags.Connected);

    internal bool LocalEnded => Has(Flags.LocalEnded);

    internal bool RemoteEnded => Has(Flags.RemoteEnded);

    /// <summary>No longer known to the connection: ended both ways, reset, or lost with the connection.</summary>
    internal bool IsClosed => Has(Flags.Closed);

    /// <summary>In a <see cref="WriterQueue"/>.</summary>
    internal bool IsQueued
    {
        get => Has(Flags.Queued);
        set => Set(Flags.Queued, value);
    }

    /// <summary>Used up its last turn at writing, so it waits behind those that do not.</summary>
    internal bool IsBulk
    {
        get => Has(Flags.Bulk);
        set => Set(Flags.Bulk, value);
    }

    /// <inheritdoc/>
    public override ReadStatus TryRead(out Chunk chunk)
    {
        if (_inbox is not null)
        {
            Set(Flags.LentFromInbox, true);
            chunk = _inbox.First;
            return ReadStatus.Data;
        }

        if (_lentLength > 0)
        {
            chunk = _connection.Lent.Slice(_lentOffset, _lentLength);
            return ReadStatus.Data;
        }

        chunk = default;
        if (RemoteEnded && (_failure is null || Has(Flags.ResetWithoutError)))
            return ReadStatus.End;
        return _failure is null ? ReadStatus.Pending : ReadStatus.Failed;
    }

    /// <inheritdoc/>
    public override void Consume(int count)
    {
        if (Has(Flags.LentFromInbox))
        {
            Set(Flags.LentFromInbox, false);
            if (_inbox is null || count == 0)
                return;
            _inbox.Consume(count);
            CountHeld(-count);
            if (_inbox.Length == 0)
                DropInbox();
        }
        else
        {
            if (_lentLength == 0)
                return;
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)_lentLength, nameof(count));
            _lentOffset += count;
            _lentLength -= count;
        }

        ReturnWindow(count);
    }

    /// <inheritdoc/>
    public override ValueTask WaitForReadAsync(CancellationToken cancellationToken = default) =>
        Unread > 0 || RemoteEnded || _failure is not null
            ? ValueTask.CompletedTask
            : (_readWait ??= new ChannelWait(Loop)).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public override int TryWrite(Chunk chunk)
    {
        if (_failure is not null)
            return chunk.Length;
        if (LocalEnded)
            throw new InvalidOperationException("The writing side was shut down.");
        int taken = 0;
        while (taken < chunk.Length && _sendWindow.Available > 0)
        {
            int most = Math.Min(chunk.Length - taken, _sendWindow.Available);
            int count = _connection.Writer.TryWrite(this, chunk.Slice(taken).Take(most), isContinued: taken > 0);
            if (count == 0)
                break;
            _sendWindow.Take(count);
            taken += count;
        }

        return taken;
    }

    /// <inheritdoc/>
    public override ValueTask WaitForWriteAsync(CancellationToken cancellationToken = default)
    {
        if (_failure is not null)
            return ValueTask.CompletedTask;
        if (_sendWindow.Available <= 0)
            StalledAt = _connection.Now;
        else if (_connection.Writer.HasRoomFor(this))
            return ValueTask.CompletedTask;
        else
            _connection.Writer.Enqueue(this);
        return (_writeWait ??= new ChannelWait(Loop)).WaitAsync(cancellationToken);
    }

    /// <inheritdoc/>
    public override void ShutdownWrite()
    {
        if (LocalEnded || IsClosed)
            return;
        Set(Flags.LocalEnded, true);
        _connection.Writer.EndStream(Id);
        CloseIfEnded();
    }

    /// <inheritdoc/>
    public override void Abort(ChannelFailure failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        if (!IsClosed)
            _connection.ResetStream(this, ResetCodes.For(failure.Kind));
        DropUnread();
        Set(Flags.ResetWithoutError, false);
        Fail(failure);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (!IsClosed)
            _connection.ResetStream(this, ErrorCode.Cancel);
        DropUnread();
        Set(Flags.ResetWithoutError, false);
        Fail(new ChannelFailure(FailureKind.Closed, "closed"));
    }

    /// <summary>The tunnel is open: the answer was sent or received.</summary>
    internal void Connect() => Set(Flags.Connected, true);

    /// <summary>The peer has ended its side; the reader is told by <see cref="Deliver"/>.</summary>
    internal void EndRemote() => Set(Flags.RemoteEnded, true);

    /// <summary>The connection has forgotten the stream; no more frames are sent or taken for it.</summary>
    internal void MarkClosed() => Set(Flags.Closed, true);

    /// <summary>Counts a DATA frame against the window; false if it was larger than the peer was allowed.</summary>
    internal bool TryTakeWindow(int length) => _receiveWindow.TryTake(length);

    /// <summary>
    /// Lends the reader <paramref name="length"/> bytes of the connection's chunk, waking it, and keeps what it leaves.
    /// With no bytes it only wakes the reader.
    /// </summary>
    internal void Deliver(int offset, int length)
    {
        _lentOffset = offset;
        _lentLength = length;
        _readWait?.Complete();
        if (_lentLength == 0)
            return;
        int left = _lentLength;
        _inbox ??= _connection.RentInbox();
        _inbox.Append(_connection.Lent.Slice(_lentOffset, left).Bytes, Loop.Buffers);
        _lentLength = 0;
        CountHeld(left);
    }

    /// <summary>Gives the peer credit for bytes that need no consumer (padding) or that one has consumed.</summary>
    internal void ReturnWindow(int count)
    {
        if (IsClosed || RemoteEnded || count == 0)
            return;
        int increment = _receiveWindow.Return(count, Unread == 0 && _connection.MayGrowWindows, _connection.Options.MaxStreamWindow, _connection.Now);
        if (increment > 0)
            _connection.Writer.UpdateWindow(Id, increment);
    }

    /// <summary>Our SETTINGS were acknowledged: the window the peer goes by is another.</summary>
    internal void ResizeReceiveWindow(int change) => _receiveWindow.Resize(change);

    /// <summary>The peer gave credit, or with its SETTINGS took some; false if the window would exceed what RFC 9113 allows.</summary>
    internal bool TryAddSendWindow(int increment)
    {
        if (!_sendWindow.TryAdd(increment))
            return false;
        if (increment < 0)
            StalledAt = _connection.Now;
        if (_sendWindow.Available <= 0 || !IsWriteWaiting || IsQueued)
            return true;
        if (_connection.Writer.HasRoomFor(this))
            WakeWriter();
        else
            _connection.Writer.Enqueue(this);
        return true;
    }

    internal void WakeWriter() => _writeWait?.Complete();

    /// <summary>Closes the stream once both sides have ended.</summary>
    internal void CloseIfEnded()
    {
        if (LocalEnded && RemoteEnded && !IsClosed)
            _connection.Forget(this);
    }

    /// <summary>The peer or the connection broke the stream; what arrived before is still read.</summary>
    internal void Fail(ChannelFailure failure, bool withoutError = false)
    {
        if (_failure is not null)
            return;
        _failure = failure;
        Set(Flags.ResetWithoutError, withoutError);
        _readWait?.Complete();
        _writeWait?.Complete();
        if (!withoutError)
            TellBroken();
    }

    private bool Has(Flags flags) => (_flags & flags) != Flags.None;

    private void Set(Flags flags, bool value) => _flags = value ? _flags | flags : _flags & ~flags;

    private void CountHeld(int change)
    {
        _connection.Buffered(change);
        Account?.Add(change);
    }

    private void DropUnread()
    {
        _lentLength = 0;
        if (_inbox is null)
            return;
        CountHeld(-_inbox.Length);
        _inbox.Clear();
        DropInbox();
    }

    private void DropInbox()
    {
        _connection.ReturnInbox(_inbox!);
        _inbox = null;
    }
}
