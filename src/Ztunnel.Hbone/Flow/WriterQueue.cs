namespace Ztunnel.Hbone.Flow;

/// <summary>First in, first out, of streams that wait to write; linked through the streams themselves, so queueing allocates nothing.</summary>
internal struct WriterQueue
{
    private HboneStream? _first;
    private HboneStream? _last;

    /// <summary>True if nobody waits.</summary>
    public readonly bool IsEmpty => _first is null;

    /// <summary>Adds at the end. A stream is in one queue at most.</summary>
    public void Enqueue(HboneStream stream)
    {
        if (_last is null)
            _first = stream;
        else
            _last.NextWriter = stream;
        _last = stream;
    }

    /// <summary>Takes the first, or null.</summary>
    public HboneStream? Dequeue()
    {
        HboneStream? stream = _first;
        if (stream is null)
            return null;
        _first = stream.NextWriter;
        if (_first is null)
            _last = null;
        stream.NextWriter = null;
        return stream;
    }
}
