using System.Runtime.CompilerServices;
using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>
/// One direction of a <see cref="Relay"/>. Bytes are lent by the sender's channel to the receiver's; between two plain TCP
/// connections that carry much at a time they are spliced, which never brings them into this process.
/// </summary>
internal sealed class RelayDirection(Relay relay, Channel from, Channel to)
{
    /// <summary>Bytes moved before the loop's other work has its turn.</summary>
    private const int TurnBytes = 1024 * 1024;

    /// <summary>Most bytes spliced at once: what a receiver that stalls leaves in a pipe.</summary>
    private const int SpliceBytes = 1024 * 1024;

    /// <summary>A read of this many bytes, all taken, shows bulk. Measured: below it two splices cost more than a read and a write.</summary>
    private const int BulkBytes = 64 * 1024;

    private Splice? _splice;
    private long _total;
    private int _sinceWait;
    private bool _bulk;

    private enum Step
    {
        AwaitData,
        AwaitRoom,
        GiveTurn,
        Finished,
    }

    /// <summary>Bytes taken by the receiver so far.</summary>
    public long Total => Volatile.Read(ref _total);

    /// <summary>Whether it has ended, in order or not.</summary>
    public bool Finished { get; private set; }

    /// <summary>Bytes taken from the sender and in a pipe.</summary>
    public int InFlight => _splice?.InFlight ?? 0;

    /// <summary>Goes on from where another process left off.</summary>
    public void Restore(long total, PassedPipe? inFlight)
    {
        _total = total;
        if (inFlight is not null)
            _splice = new Splice((TcpConnection)from, (TcpConnection)to, inFlight);
        _bulk = _splice is not null;
    }

    /// <summary>
    /// What was taken from the sender and not yet by the receiver, to be passed to another process; null for nothing. False when
    /// it cannot be. Throws <see cref="ChannelException"/> likewise.
    /// </summary>
    public bool TryShare(out PassedPipe? inFlight)
    {
        inFlight = _splice?.Share();
        return inFlight is not null || ((TcpConnection)from).TryShareKept(out inFlight);
    }

    /// <summary>Moves bytes until the direction has ended or broken, or the relay is to pause.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask RunAsync()
    {
        bool over = true;
        try
        {
            while (!Finished)
            {
                if (relay.IsPausing)
                {
                    over = false;
                    return;
                }

                if (relay.Share is { } share && !share.TryBegin())
                    await share.WaitAsync();
                switch (MoveTurn())
                {
                    case Step.AwaitData:
                        await from.WaitForReadAsync();
                        break;
                    case Step.AwaitRoom:
                        await to.WaitForWriteAsync();
                        break;
                    case Step.GiveTurn when relay.Share is null:
                        await from.Loop.YieldAsync();
                        break;
                    case Step.GiveTurn:
                        break;
                    default:
                        return;
                }
            }
        }
        finally
        {
            if (over)
                Finish();
        }
    }

    /// <summary>Ends it, whatever is still in flight.</summary>
    public void Finish()
    {
        Finished = true;
        _splice?.Discard();
    }

    private Step MoveTurn()
    {
        int turn = relay.Share is { } share ? Math.Min(TurnBytes, share.Left + LoopShare.ServiceCost) : TurnBytes;
        while (turn > 0)
        {
            if ((_bulk ? MoveSpliced(ref turn) : MoveLent(ref turn)) is { } step)
                return step;
        }

        return Step.GiveTurn;
    }

    /// <summary>Null to go on.</summary>
    private Step? MoveLent(ref int turn)
    {
        switch (from.TryRead(out Chunk chunk))
        {
            case ReadStatus.Pending:
                return Step.AwaitData;
            case ReadStatus.End:
                return End();
            case ReadStatus.Failed:
                return Break(from.Failure!, to);
            default:
                break;
        }

        int length = chunk.Length;
        int taken = to.TryWrite(chunk);
        from.Consume(taken);
        if (to.Failure is { } failure)
            return Break(failure, from);
        Count(taken, ref turn);
        if (taken < length)
            return Step.AwaitRoom;
        if (length >= BulkBytes)
            BeginSplicing();
        return null;
    }

    /// <summary>Null to go on.</summary>
    private Step? MoveSpliced(ref int turn)
    {
        SpliceStatus status = _splice!.Move(Math.Min(SpliceBytes, turn), out int moved);
        Count(moved, ref turn);
        _sinceWait += moved;
        switch (status)
        {
            case SpliceStatus.Moved:
                return null;
            case SpliceStatus.AwaitRoom:
                return Step.AwaitRoom;
            case SpliceStatus.AwaitData:
                _bulk = _sinceWait >= BulkBytes;
                _sinceWait = 0;
                return Step.AwaitData;
            case SpliceStatus.Unable:
                _bulk = false;
                return null;
            case SpliceStatus.End:
                return End();
            case SpliceStatus.DestinationFailed:
                return Break(to.Failure!, from);
            default:
                return Break(from.Failure!, to);
        }
    }

    private void BeginSplicing()
    {
        if (_splice is null && from is TcpConnection source && to is TcpConnection destination)
            _splice = new Splice(source, destination);
        _bulk = _splice is not null;
        _sinceWait = 0;
    }

    private void Count(int bytes, ref int turn)
    {
        Volatile.Write(ref _total, _total + bytes);
        turn -= bytes;
        relay.Share?.Spend(bytes);
    }

    private Step End()
    {
        to.ShutdownWrite();
        relay.NoteEnd();
        return Step.Finished;
    }

    private Step Break(ChannelFailure failure, Channel other)
    {
        relay.Fail(failure);
        other.Abort(failure);
        return Step.Finished;
    }
}
