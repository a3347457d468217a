using System.Diagnostics;
using Ztunnel.Hbone.Flow;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>
/// The receiving half of a connection: takes the frames out of what the transport lent, checks them against the state of
/// connection and stream, and acts on them. A violation of one stream resets it; of the connection ends it.
/// </summary>
internal sealed class ConnectionReader : IDisposable
{
    private readonly HboneConnection _connection;
    private readonly HeaderReader _headers;
    private readonly FrameReader _frames;
    private readonly ConnectionWindow _window;
    private HboneStream? _dataStream;
    private int _dataLeft;

    public ConnectionReader(HboneConnection connection)
    {
        _connection = connection;
        HboneOptions options = connection.Options;
        _headers = new HeaderReader(connection);
        _frames = new FrameReader(connection.IsServer, options.MaxFrameSize, HeaderReader.MaxBlock(options));
        _window = new ConnectionWindow(options.ConnectionWindow, options.MaxBuffered);
    }

    /// <summary>The connection's receive window and what lies unread.</summary>
    public ConnectionWindow Window => _window;

    /// <summary>When the header block under way was begun, or null.</summary>
    public uint? HeaderBlockBegunAt => _headers.BegunAt;

    /// <summary>Reads everything in the connection's open <see cref="LentChunk"/>.</summary>
    public void Read()
    {
        ReadOnlySpan<byte> input = _connection.Lent.Bytes;
        int offset = 0;
        while (_connection.Lifetime.IsReading)
        {
            FrameReadStatus status = _frames.Read(input[offset..], out int consumed, out FrameSlice frame);
            offset += consumed;
            if (status == FrameReadStatus.NeedMore)
                return;
            Violation? violation = status == FrameReadStatus.Violation ? _frames.Violation : Take(frame, input);
            if (violation is not null)
                Answer(violation, frame.Header.StreamId);
        }
    }

    public void Dispose()
    {
        _frames.Dispose();
        _headers.Dispose();
    }

    private Violation? Take(in FrameSlice frame, ReadOnlySpan<byte> input)
    {
        FrameType type = frame.Header.Type;
        if (!_connection.Peer.Received && (type != FrameType.Settings || frame.Header.Has(FrameFlags.Ack)))
            return ConnectionViolations.FirstFrameNotSettings;
        if (_headers.BegunAt is not null && type != FrameType.Continuation)
            return ConnectionViolations.HeaderBlockInterrupted;
        return type switch
        {
            FrameType.Data => TakeData(frame, input),
            FrameType.Headers => TakeHeaders(frame),
            FrameType.Continuation => _headers.Continue(frame),
            FrameType.Settings => TakeSettings(frame),
            FrameType.WindowUpdate => TakeWindowUpdate(frame),
            FrameType.ResetStream => TakeReset(frame),
            FrameType.Ping => TakePing(frame),
            FrameType.GoAway => TakeGoAway(frame),
            FrameType.Priority => FramePayload.CheckPriority(frame.Header) ?? SpendIdle(1),
            _ => SpendIdle(1 + (frame.Header.Length / PeerSettings.InitialMaxFrameSize)),
        };
    }

    private Violation? TakeData(in FrameSlice frame, ReadOnlySpan<byte> input)
    {
        if (frame.IsFirst && BeginData(frame.Header) is { } violation)
            return violation;
        bool moves = !frame.IsFirst || !frame.Payload.IsEmpty || frame.Header.Has(FrameFlags.EndStream);
        if (!moves && SpendIdle(1) is { } flood)
            return flood;
        if (_dataStream is not { IsClosed: false } stream)
            return null;
        int length = frame.Payload.Length;
        _dataLeft -= length;
        bool ends = frame.IsLast && frame.Header.Has(FrameFlags.EndStream);
        if (ends)
            stream.EndRemote();
        else if (frame.IsLast)
            stream.ReturnWindow(_dataLeft);
        if (length > 0)
            stream.Deliver(Offset(input, frame.Payload), length);
        else if (ends)
            stream.Deliver(0, 0);
        if (ends)
            stream.CloseIfEnded();
        return null;
    }

    private static int Offset(ReadOnlySpan<byte> input, ReadOnlySpan<byte> part) =>
        input.Overlaps(part, out int offset) ? offset : throw new UnreachableException("DATA is never assembled.");

    /// <summary>Judges a DATA frame by its header; sets the stream its bytes go to, null if they are to be dropped.</summary>
    private Violation? BeginData(in FrameHeader header)
    {
        _dataStream = null;
        _dataLeft = header.Length;
        if (!_window.TryTake(header.Length))
            return ConnectionViolations.ConnectionWindowOverrun;
        if (_window.Announce() is > 0 and int increment)
            _connection.Writer.UpdateWindow(0, increment);
        switch (_connection.Streams.Find(header.StreamId, out HboneStream? stream))
        {
            case StreamState.Idle:
                return ConnectionViolations.IdleStream;
            case StreamState.EndedByPeer:
                return SpendIdle(1) ?? ConnectionViolations.DataOnClosedStream;
            case StreamState.ResetByUs or StreamState.Closed:
                // Bytes cost the peer window and us no more than bytes for an open stream do: only frames without any are charged.
                return header.Length == 0 ? SpendIdle(1) : null;
            default:
                break;
        }

        if (stream!.RemoteEnded)
            return ConnectionViolations.DataAfterEnd;
        if (!_connection.IsServer && !stream.IsConnected)
            return ConnectionViolations.DataBeforeAnswer;
        if (!stream.TryTakeWindow(header.Length))
            return ConnectionViolations.StreamWindowOverrun;
        _dataStream = stream;
        return null;
    }

    private Violation? TakeHeaders(in FrameSlice frame)
    {
        Violation? violation = FramePayload.ReadHeaders(frame.Header, frame.Payload, out ReadOnlySpan<byte> fragment);
        return violation ?? _headers.Take(frame.Header, fragment);
    }

    private Violation? TakeSettings(in FrameSlice frame)
    {
        if (FramePayload.CheckSettings(frame.Header, frame.Payload, fromServer: !_connection.IsServer) is { } violation)
            return violation;
        if (frame.Header.Has(FrameFlags.Ack))
            return _connection.OnSettingsAcknowledged() ? null : SpendIdle(1);

        // Each may mean a walk over all streams, so it costs more than others that move nothing.
        return SpendIdle(5) ?? _connection.OnSettings(frame.Payload);
    }

    private Violation? TakeWindowUpdate(in FrameSlice frame)
    {
        if (FramePayload.ReadWindowUpdate(frame.Header, frame.Payload, out int increment) is { } violation)
            return violation;
        if (frame.Header.StreamId == 0)
            return SpendIdle(1) ?? (_connection.Writer.TryAddWindow(increment) ? null : ConnectionViolations.ConnectionWindowOverflow);
        return _connection.Streams.Find(frame.Header.StreamId, out HboneStream? stream) switch
        {
            StreamState.Idle => ConnectionViolations.IdleStream,
            StreamState.Open => SpendIdle(1) ?? (stream!.TryAddSendWindow(increment) ? null : ConnectionViolations.StreamWindowOverflow),
            _ => SpendIdle(1),
        };
    }

    private Violation? TakeReset(in FrameSlice frame)
    {
        if (FramePayload.ReadResetStream(frame.Header, frame.Payload, out ErrorCode code) is { } violation)
            return violation;
        switch (_connection.Streams.Find(frame.Header.StreamId, out HboneStream? stream))
        {
            case StreamState.Idle:
                return ConnectionViolations.IdleStream;
            case StreamState.Open:
                _connection.OnReset(stream!, code);
                return null;
            default:
                return SpendIdle(1);
        }
    }

    private Violation? TakePing(in FrameSlice frame)
    {
        if (FramePayload.ReadPing(frame.Header, frame.Payload, out ulong opaque) is { } violation)
            return violation;
        if (frame.Header.Has(FrameFlags.Ack))
            return _connection.Heartbeat.OnAcknowledged(opaque, _connection.Timestamp) ? null : SpendIdle(1);
        if (SpendIdle(1) is { } flood)
            return flood;
        _connection.Writer.AnswerPing(opaque);
        return null;
    }

    private Violation? TakeGoAway(in FrameSlice frame)
    {
        if (FramePayload.ReadGoAway(frame.Header, frame.Payload, out GoAway goAway) is { } violation)
            return violation;
        if (SpendIdle(1) is { } flood)
            return flood;
        _connection.Lifetime.OnGoAway(goAway);
        return null;
    }

    /// <summary>Charges for a frame that moves nothing, or was on its way when its stream ended.</summary>
    private Violation? SpendIdle(int cost) =>
        _connection.Abuse.TrySpendIdle(cost, _connection.Now) ? null : ConnectionViolations.TooManyIdleFrames;

    private void Answer(Violation violation, int streamId)
    {
        if (violation.Scope == ViolationScope.Connection)
        {
            _connection.Break(violation.Code, violation.Detail);
            return;
        }

        if (_connection.Streams.Find(streamId, out HboneStream? stream) == StreamState.Idle)
        {
            // RST_STREAM on an idle stream would itself be a violation.
            _connection.Break(violation.Code, violation.Detail);
            return;
        }

        _connection.BreakStream(streamId, stream, violation);
    }
}
