namespace Ztunnel.Hbone.Flow;

/// <summary>
/// Who may write when not all can. Streams wait in line and get a quantum each. Those that did not use up their last one
/// are served first, so a keystroke overtakes any number of bulk transfers; bulk still gets at least every second quantum,
/// so that many lively streams cannot starve it.
/// </summary>
internal sealed class WriterTurns(int quantum)
{
    /// <summary>Bytes handed out before the loop's other work has its turn.</summary>
    private const int BytesAtOnce = 256 * 1024;

    private WriterQueue _lively;
    private WriterQueue _bulk;
    private HboneStream? _turn;
    private int _left;
    private int _livelyServed;
    private bool _giving;

    /// <summary>True if anybody is in line.</summary>
    public bool AnyWaiting => !_lively.IsEmpty || !_bulk.IsEmpty;

    /// <summary>Bytes a stream may write now without taking another's turn.</summary>
    public int Allowance(HboneStream stream) => !AnyWaiting ? int.MaxValue : ReferenceEquals(stream, _turn) ? _left : 0;

    /// <summary>Counts bytes written.</summary>
    public void Spend(HboneStream stream, int count)
    {
        if (ReferenceEquals(stream, _turn))
            _left -= count;
    }

    /// <summary>Puts a stream in line, once.</summary>
    public void Enqueue(HboneStream stream)
    {
        if (stream.IsQueued)
            return;
        stream.IsQueued = true;
        // Back in line after having written in this very turn: it has more than a turn's worth.
        if (ReferenceEquals(stream, _turn) && _left < quantum)
            stream.IsBulk = true;
        if (stream.IsBulk)
            _bulk.Enqueue(stream);
        else
            _lively.Enqueue(stream);
    }

    /// <summary>Gives turns while they can be used; true if that stopped only to let other work run.</summary>
    public bool Give(ConnectionWriter writer)
    {
        if (_giving)
            return false;
        _giving = true;
        try
        {
            int budget = BytesAtOnce;
            while (budget > 0 && writer.CanTakeTurns && Next() is { } stream)
                budget -= GiveTurn(stream);
        }
        finally
        {
            _giving = false;
        }

        return AnyWaiting && writer.CanTakeTurns;
    }

    private int GiveTurn(HboneStream stream)
    {
        stream.IsQueued = false;
        if (!stream.IsWriteWaiting || stream.SendWindow <= 0)
            return 0;
        bool lively = !stream.IsBulk;
        _turn = stream;
        _left = quantum;
        stream.WakeWriter();
        _turn = null;
        int used = quantum - _left;
        if (!stream.IsQueued && used > 0)
            stream.IsBulk = _left <= 0;
        _livelyServed = lively ? _livelyServed + used : 0;
        // A turn unused still counts for something, or streams that only ever look would keep us here.
        return Math.Max(used, 256);
    }

    private HboneStream? Next()
    {
        if (_livelyServed >= quantum && _bulk.Dequeue() is { } bulk)
            return bulk;
        return _lively.Dequeue() ?? _bulk.Dequeue();
    }
}
