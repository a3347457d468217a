using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone.Flow;

/// <summary>
/// The sending half of a connection. Large payloads go straight to the transport with their frame header written in front
/// of them; small ones and control frames gather in a buffer that is sent once per iteration of the loop. Whatever order
/// frames were made in is the order they leave in. When the transport or the connection's window is full, streams take turns.
/// </summary>
internal sealed class ConnectionWriter : ILoopFlush
{
    /// <summary>Payloads below this are copied and gathered: a copy is cheaper than a send of its own.</summary>
    private const int DirectFrom = 4 * 1024;

    /// <summary>The same while other bytes are waiting to be sent, which a direct write would have to send first.</summary>
    private const int DirectBehindOthersFrom = 16 * 1024;

    /// <summary>Data is gathered up to this; control frames may go beyond.</summary>
    private const int GatherLimit = 64 * 1024;

    /// <summary>Frames up to this are always allowed.</summary>
    private const int SmallFrame = 32 * 1024;

    /// <summary>
    /// A larger frame may hold this part of what the connection moved in the last quarter to half second: a frame that was
    /// begun has to be finished before anything else, so it should not take longer than some five milliseconds.
    /// </summary>
    private const int FrameShare = 64;

    /// <summary>Milliseconds without any credit after which a connection's window is not just used up by bulk.</summary>
    private const uint StarvedAfter = 1000;

    private readonly HboneConnection _connection;
    private readonly Channel _transport;
    private readonly OutputBuffer _output = new();
    private readonly ChannelWait _blockedWait;
    private readonly WriterTurns _turns;
    private SendWindow _window = new(ConnectionWindow.Initial);
    private int _maxFrame = PeerSettings.InitialMaxFrameSize;
    private int _queuedAnswers;
    private bool _flushRequested;
    private bool _shutdownWhenSent;
    private bool _stopped;

    public ConnectionWriter(HboneConnection connection)
    {
        _connection = connection;
        _transport = connection.Transport;
        _blockedWait = new ChannelWait(connection.Loop);
        _turns = new WriterTurns(connection.Options.WriteQuantum);
        _ = WatchTransportAsync();
    }

    /// <summary>The transport took less than it was offered and has not signalled room since.</summary>
    public bool IsBlocked { get; private set; }

    /// <summary>Somebody has bytes to send and cannot, for want of room in the transport or of the connection's window.</summary>
    public bool IsHeldUp => IsBlocked || _turns.AnyWaiting;

    /// <summary>The peer has given the connection no credit for a while, because it holds too much unread: nothing else gets through either.</summary>
    public bool IsStarved => _window.Available <= 0 && _turns.AnyWaiting && _connection.Now - ProgressAt >= StarvedAfter;

    /// <summary>When bytes last moved or the holdup began, in milliseconds of the connection's wrapping clock.</summary>
    public uint ProgressAt { get; private set; }

    /// <summary>Bytes waiting to be sent.</summary>
    public int QueuedBytes => _output.Length;

    /// <summary>The peer's SETTINGS_MAX_FRAME_SIZE, bounded by our own preference.</summary>
    public void SetMaxFrame(int size) => _maxFrame = size;

    /// <summary>
    /// Sends as much of a stream's payload as has room now, in one DATA frame, and returns that count; 0 means wait.
    /// With <paramref name="isContinued"/> the bytes in front belong to the caller's payload and are left as they were.
    /// </summary>
    public int TryWrite(HboneStream stream, Chunk chunk, bool isContinued)
    {
        int most = Math.Min(chunk.Length, Math.Min(_window.Available, _maxFrame));
        most = Math.Min(most, _turns.Allowance(stream));
        if (most <= 0)
            return 0;
        if (most > SmallFrame)
            most = (int)Math.Clamp(_connection.Meter.Recent(_connection.Now) / FrameShare, SmallFrame, most);
        int direct = _output.Length == 0 ? DirectFrom : DirectBehindOthersFrom;
        int taken = most < direct || chunk.Headroom < FrameHeader.Size
            ? Gather(stream.Id, chunk.Bytes[..most])
            : WriteDirect(stream.Id, chunk.Take(most), isContinued);
        if (taken == 0)
            return 0;
        _window.Take(taken);
        _turns.Spend(stream, taken);
        // The peer may answer with a few WINDOW_UPDATEs.
        _connection.Abuse.RefundIdle(4);
        return taken;
    }

    /// <summary>True if a write of this stream would take something now, its own window apart.</summary>
    public bool HasRoomFor(HboneStream stream) => !IsBlocked && _window.Available > 0 && _turns.Allowance(stream) > 0;

    /// <summary>Puts a stream in line for a turn at writing.</summary>
    public void Enqueue(HboneStream stream)
    {
        if (!IsHeldUp)
            ProgressAt = _connection.Now;
        _turns.Enqueue(stream);
    }

    /// <summary>The peer gave credit on the connection; false if its window would exceed what RFC 9113 allows.</summary>
    public bool TryAddWindow(int increment)
    {
        bool exhausted = _window.Available <= 0;
        if (!_window.TryAdd(increment))
            return false;
        ProgressAt = _connection.Now;
        GiveTurns();
        if (exhausted)
            _connection.Observer?.CapacityChanged(_connection);
        return true;
    }

    /// <summary>Sends the client's preface.</summary>
    public void SendPreface()
    {
        _output.Append(ConnectionPreface.Bytes);
        RequestFlush();
    }

    public void SendSettings(ReadOnlySpan<Setting> settings) =>
        Sent(FrameWriter.WriteSettings(_output.Reserve(FrameWriter.SettingsLength(settings.Length)), settings));

    public void AcknowledgeSettings() => Answered(FrameWriter.WriteSettingsAck(_output.Reserve(FrameHeader.Size)));

    public void SendPing(ulong opaque) => Sent(FrameWriter.WritePing(_output.Reserve(FrameWriter.PingLength), opaque, ack: false));

    public void AnswerPing(ulong opaque) => Answered(FrameWriter.WritePing(_output.Reserve(FrameWriter.PingLength), opaque, ack: true));

    public void UpdateWindow(int streamId, int increment) =>
        Answered(FrameWriter.WriteWindowUpdate(_output.Reserve(FrameWriter.WindowUpdateLength), streamId, increment));

    public void ResetStream(int streamId, ErrorCode code) =>
        Answered(FrameWriter.WriteResetStream(_output.Reserve(FrameWriter.ResetStreamLength), streamId, code));

    public void SendGoAway(int lastStreamId, ErrorCode code, ReadOnlySpan<byte> debugData) =>
        Sent(FrameWriter.WriteGoAway(_output.Reserve(FrameWriter.GoAwayLength(debugData.Length)), lastStreamId, code, debugData));

    /// <summary>Ends a stream's sending side, after everything it had sent.</summary>
    public void EndStream(int streamId)
    {
        new FrameHeader(0, FrameType.Data, FrameFlags.EndStream, streamId).Write(_output.Reserve(FrameHeader.Size));
        Sent(FrameHeader.Size);
    }

    /// <summary>Sends a request or an answer.</summary>
    public void SendHeaders(int streamId, HpackEncoder encoder, HeaderList headers, bool endStream, bool isAnswer)
    {
        int room = FrameWriter.HeadersLength(headers.MaxEncodedLength, PeerSettings.InitialMaxFrameSize);
        Span<byte> frame = _output.Reserve(room);
        int block = encoder.Encode(headers, frame[FrameHeader.Size..]);
        int length = FrameWriter.WriteHeaders(frame, streamId, endStream, frame.Slice(FrameHeader.Size, block), PeerSettings.InitialMaxFrameSize);
        if (isAnswer)
            Answered(length);
        else
            Sent(length);
    }

    /// <summary>Ends the transport's sending side once everything queued has left.</summary>
    public void ShutdownWhenSent()
    {
        _shutdownWhenSent = true;
        Flush();
    }

    /// <summary>Drops what is queued: the connection is gone.</summary>
    public void Stop()
    {
        _stopped = true;
        _output.Clear();
        _blockedWait.Complete();
    }

    /// <inheritdoc/>
    public void Flush()
    {
        _flushRequested = false;
        if (_stopped)
            return;
        if (IsBlocked)
        {
            _blockedWait.Complete();
            return;
        }

        Send();
        GiveTurns();
    }

    private int Gather(int streamId, ReadOnlySpan<byte> payload)
    {
        int count = RoomToGather(payload.Length);
        if (count == 0 && !IsBlocked)
        {
            Send();
            count = RoomToGather(payload.Length);
        }

        if (count == 0)
            return 0;
        Span<byte> frame = _output.Reserve(FrameHeader.Size + count);
        new FrameHeader(count, FrameType.Data, FrameFlags.None, streamId).Write(frame);
        payload[..count].CopyTo(frame[FrameHeader.Size..]);
        _output.Commit(FrameHeader.Size + count);
        RequestFlush();
        return count;
    }

    // All of a payload, or what fits if that is not just crumbs, or nothing.
    private int RoomToGather(int length)
    {
        int room = GatherLimit - _output.Length - FrameHeader.Size;
        return room >= length ? length : room >= DirectFrom ? room : 0;
    }

    private int WriteDirect(int streamId, Chunk payload, bool isContinued)
    {
        if (_output.Length > 0 && !IsBlocked)
            Send();
        if (IsBlocked || _output.Length > 0)
            return 0;
        Span<byte> buffer = payload.WithHeader(payload.Headroom, payload.Length);
        int start = payload.Headroom - FrameHeader.Size;
        Span<byte> header = buffer.Slice(start, FrameHeader.Size);
        Span<byte> before = stackalloc byte[FrameHeader.Size];
        header.CopyTo(before);
        new FrameHeader(payload.Length, FrameType.Data, FrameFlags.None, streamId).Write(header);
        Chunk frame = new(buffer, start);
        int taken = _transport.TryWrite(frame);
        if (taken < frame.Length)
        {
            Block();
            if (taken > 0)
                _output.Append(frame.Bytes[taken..]);
        }

        if (isContinued)
            before.CopyTo(header);
        if (taken == 0)
            return 0;
        ProgressAt = _connection.Now;
        _connection.Meter.Add(taken, ProgressAt);
        return payload.Length;
    }

    private void Sent(int length)
    {
        _output.Commit(length);
        RequestFlush();
    }

    /// <summary>Like <see cref="Sent"/>, for frames the peer provokes: those are bounded when it does not read them.</summary>
    private void Answered(int length)
    {
        Sent(length);
        if (_queuedAnswers > _connection.Options.MaxQueuedAnswers)
            return;
        _queuedAnswers += length;
        if (_queuedAnswers > _connection.Options.MaxQueuedAnswers)
            _connection.Break(ErrorCode.EnhanceYourCalm, "answers pile up unread");
    }

    private void RequestFlush()
    {
        if (_flushRequested || _stopped)
            return;
        _flushRequested = true;
        _connection.Loop.FlushLater(this);
    }

    private void Send()
    {
        if (_output.Length > 0)
        {
            int taken = _transport.TryWrite(_output.Content);
            _output.Sent(taken);
            if (taken > 0)
                ProgressAt = _connection.Now;
        }

        if (_output.Length > 0)
        {
            Block();
            return;
        }

        _queuedAnswers = 0;
        if (!_shutdownWhenSent)
            return;
        _shutdownWhenSent = false;
        _transport.ShutdownWrite();
    }

    private void Block()
    {
        if (IsBlocked)
            return;
        if (!IsHeldUp)
            ProgressAt = _connection.Now;
        IsBlocked = true;
        RequestFlush();
    }

    private void GiveTurns()
    {
        bool more = _turns.Give(this);
        if (more)
            RequestFlush();
    }

    /// <summary>True while a stream given a turn could use it.</summary>
    internal bool CanTakeTurns => !IsBlocked && _window.Available > 0 && !_stopped;

    // One wait for the connection's life: being held up allocates nothing.
    private async Task WatchTransportAsync()
    {
        while (!_stopped)
        {
            await _blockedWait.WaitAsync();
            if (_stopped)
                return;
            await _transport.WaitForWriteAsync();
            IsBlocked = false;
            Flush();
        }
    }
}
