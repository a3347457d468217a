using System.Text;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>
/// How a connection runs and ends: the pump that reads the transport, GOAWAY in both directions, draining, violations, and
/// letting go of the transport so that the last words still reach the peer.
/// </summary>
internal sealed class ConnectionLifetime
{
    /// <summary>Bytes read before the loop's other work has its turn.</summary>
    private const int TurnBytes = 512 * 1024;

    private readonly HboneConnection _connection;
    private readonly ConnectionClock _clock;
    private readonly TaskCompletionSource _completion = new();
    private LoopTimer? _closeTimer;
    private bool _finalGoAwaySent;
    private bool _drainBegun;
    private bool _isAnnouncing;
    private bool _tearDownAfterRead;

    public ConnectionLifetime(HboneConnection connection)
    {
        _connection = connection;
        _clock = new ConnectionClock(connection);
    }

    public ConnectionPhase Phase { get; private set; }

    /// <summary>Why the connection broke, or null.</summary>
    public ChannelFailure? Failure { get; private set; }

    /// <summary>Completes when the transport was let go of.</summary>
    public Task Completion => _completion.Task;

    /// <summary>When anything last arrived, in milliseconds of the connection's wrapping clock.</summary>
    public uint ReceivedAt { get; private set; }

    /// <summary>Frames are still acted upon: the connection has neither ended nor broken.</summary>
    public bool IsReading => Phase <= ConnectionPhase.Draining;

    /// <summary>A server still takes streams: those that may have crossed its first GOAWAY included.</summary>
    public bool AcceptsStreams => IsReading && !_finalGoAwaySent;

    /// <summary>Begins to read.</summary>
    public void Start()
    {
        ReceivedAt = _connection.Now;
        _clock.Start();
        _ = PumpAsync();
    }

    /// <inheritdoc cref="HboneConnection.DrainAsync"/>
    public async Task DrainAsync(TimeSpan deadline)
    {
        using LoopTimer timer = _connection.Loop.Schedule(deadline, static state => ((ConnectionLifetime)state!).CutOff(), this);
        if (IsReading && !_drainBegun)
        {
            _drainBegun = true;
            if (_connection.IsServer && !_finalGoAwaySent)
                await AnnounceGoAwayAsync();
            Retire();
        }

        await Completion;
    }

    /// <inheritdoc cref="HboneConnection.Retire"/>
    public void Retire()
    {
        if (!IsReading || _finalGoAwaySent)
            return;
        _isAnnouncing = false;
        SendFinalGoAway(ErrorCode.NoError, []);
        BeginDraining();
        FinishIfIdle();
    }

    /// <inheritdoc cref="HboneConnection.Break"/>
    public void Break(ErrorCode code, string detail)
    {
        if (!IsReading)
            return;
        string text = $"{ResetCodes.Name(code)}: {detail}";
        Failure = new ChannelFailure(FailureKind.Protocol, text);
        HboneLog.ConnectionBroken(_connection.Logger, text);
        SendFinalGoAway(code, Encoding.ASCII.GetBytes(detail));
        Enter(ConnectionPhase.Closing);
        FailStreams(Failure);
        BeginClose();
    }

    /// <inheritdoc cref="HboneConnection.Abort"/>
    public void Abort(ChannelFailure failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        if (Phase == ConnectionPhase.Closed)
            return;
        Failure ??= failure;
        Enter(ConnectionPhase.Closing);
        FailStreams(failure);
        TearDown();
    }

    /// <summary>The peer takes no streams beyond those it names.</summary>
    public void OnGoAway(in GoAway goAway)
    {
        string code = ResetCodes.Describe(goAway);
        HboneLog.GoAwayReceived(_connection.Logger, code, goAway.LastStreamId);
        BeginDraining();
        if (!_connection.IsServer)
            FailStreamsBeyond(goAway.LastStreamId, new ChannelFailure(FailureKind.Truncated, $"the peer sent GOAWAY {code}"));
        FinishIfIdle();
    }

    /// <summary>Closes a draining connection whose last stream has ended.</summary>
    public void FinishIfIdle()
    {
        // A server that has only announced its GOAWAY still waits for streams that crossed it.
        if (Phase != ConnectionPhase.Draining || _isAnnouncing || _connection.Streams.Count > 0)
            return;
        if (!_finalGoAwaySent)
            SendFinalGoAway(ErrorCode.NoError, []);
        Enter(ConnectionPhase.Closing);
        BeginClose();
    }

    private async Task AnnounceGoAwayAsync()
    {
        _isAnnouncing = true;
        _connection.Writer.SendGoAway(int.MaxValue, ErrorCode.NoError, []);
        BeginDraining();
        _connection.Heartbeat.Send();
        using LoopTimer timer = _connection.Loop.Schedule(
            TimeSpan.FromSeconds(1), static state => ((Heartbeat)state!).GiveUp(), _connection.Heartbeat);
        await _connection.Heartbeat.WaitAsync();
        _isAnnouncing = false;
    }

    private void SendFinalGoAway(ErrorCode code, ReadOnlySpan<byte> debugData)
    {
        _finalGoAwaySent = true;
        _connection.Writer.SendGoAway(_connection.Streams.LastPeerId, code, debugData);
    }

    private void BeginDraining()
    {
        if (Phase == ConnectionPhase.Open)
            Enter(ConnectionPhase.Draining);
    }

    /// <summary>Moves on. The pool hears of it before any tunnel fails, so that whoever tries again finds another connection.</summary>
    private void Enter(ConnectionPhase phase)
    {
        Phase = phase;
        _connection.Observer?.CapacityChanged(_connection);
    }

    /// <summary>The drain's deadline: resets what is left.</summary>
    private void CutOff()
    {
        if (!IsReading)
            return;
        Retire();
        foreach (HboneStream stream in _connection.Streams.All())
        {
            ChannelFailure failure = new(FailureKind.Closed, "the connection was drained");
            _connection.ResetStream(stream, ErrorCode.Cancel);
            HboneConnection.FailStream(stream, failure, processed: true);
        }
    }

    private void FailStreams(ChannelFailure failure)
    {
        foreach (HboneStream stream in _connection.Streams.All())
            FailLost(stream, failure, processed: true);
    }

    private void FailStreamsBeyond(int lastStreamId, ChannelFailure failure)
    {
        foreach (HboneStream stream in _connection.Streams.All())
        {
            if (stream.Id > lastStreamId)
                FailLost(stream, failure, processed: false);
        }
    }

    private void FailLost(HboneStream stream, ChannelFailure failure, bool processed)
    {
        if (!_connection.Streams.Remove(stream))
            return;
        stream.MarkClosed();
        _connection.Requests?.OnForgotten(stream);
        HboneConnection.FailStream(stream, failure, processed);
    }

    /// <summary>Sends what is queued, ends our side, and waits for the peer to end its own: closing at once could destroy our last words.</summary>
    private void BeginClose()
    {
        if (Phase == ConnectionPhase.Closed)
            return;
        _closeTimer ??= _connection.Loop.Schedule(
            _connection.Options.CloseTimeout, static state => ((ConnectionLifetime)state!).TearDown(), this);
        _connection.Writer.ShutdownWhenSent();
    }

    private async Task PumpAsync()
    {
        int turn = TurnBytes;
        try
        {
            // Whoever starts a connection has it in hand before its first request or failure comes.
            await _connection.Loop.YieldAsync();
            while (Phase != ConnectionPhase.Closed)
            {
                switch (ReadOnce(ref turn))
                {
                    case ReadStatus.Pending:
                        await _connection.Transport.WaitForReadAsync();
                        turn = TurnBytes;
                        break;
                    case ReadStatus.Data when turn <= 0:
                        await _connection.Loop.YieldAsync();
                        turn = TurnBytes;
                        break;
                    case ReadStatus.End:
                        OnTransportEnded();
                        return;
                    case ReadStatus.Failed:
                        Abort(_connection.Transport.Failure!);
                        return;
                    default:
                        break;
                }
            }
        }
        catch (Exception exception)
        {
            HboneLog.ConnectionCrashed(_connection.Logger, exception);
            Abort(new ChannelFailure(FailureKind.Local, "the connection failed internally"));
        }
    }

    private ReadStatus ReadOnce(ref int turn)
    {
        ReadStatus status = _connection.Transport.TryRead(out Chunk chunk);
        if (status != ReadStatus.Data)
            return status;
        int length = chunk.Length;
        turn -= length;
        if (IsReading)
        {
            ReceivedAt = _connection.Now;
            _connection.Meter.Add(length, ReceivedAt);
            _connection.Lent.Open(chunk, _connection.Reader, static reader => reader.Read());
        }

        _connection.Transport.Consume(length);
        if (_tearDownAfterRead)
            TearDown();
        return status;
    }

    private void OnTransportEnded()
    {
        if (!IsReading)
        {
            TearDown();
            return;
        }

        if (_connection.Streams.Count > 0)
            Failure = new ChannelFailure(FailureKind.Truncated, "the peer closed the connection under open streams");
        Enter(ConnectionPhase.Closing);
        if (Failure is not null)
            FailStreams(Failure);
        _connection.Writer.ShutdownWhenSent();
        TearDown();
    }

    /// <summary>Lets go of everything; waits for the end of the chunk being read.</summary>
    private void TearDown()
    {
        if (Phase == ConnectionPhase.Closed)
            return;
        if (_connection.Lent.IsOpen)
        {
            _tearDownAfterRead = true;
            return;
        }

        Phase = ConnectionPhase.Closed;
        _clock.Stop();
        _closeTimer?.Dispose();
        _connection.Writer.Stop();
        _connection.Reader.Dispose();
        _connection.Heartbeat.GiveUp();
        _connection.Transport.Dispose();
        _connection.Observer?.Closed(_connection);
        _completion.TrySetResult();
    }
}
