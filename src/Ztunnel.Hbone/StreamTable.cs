namespace Ztunnel.Hbone;

/// <summary>What a connection knows of a stream id (RFC 9113 section 5.1).</summary>
internal enum StreamState
{
    /// <summary>Not opened yet: only HEADERS from whoever may open it, or PRIORITY, are legal.</summary>
    Idle,

    /// <summary>In the table.</summary>
    Open,

    /// <summary>Reset by us a moment ago, so the peer may not know yet: its frames are ignored.</summary>
    ResetByUs,

    /// <summary>Ended both ways or reset by the peer: it should send nothing more.</summary>
    Closed,
}

/// <summary>The streams of a connection that are not closed, and enough about the closed ones to judge late frames.</summary>
internal sealed class StreamTable(bool isServer)
{
    private readonly Dictionary<int, HboneStream> _streams = [];
    private readonly int[] _reset = new int[64];
    private long _nextId = 1;
    private int _nextReset;

    /// <summary>Streams not closed.</summary>
    public int Count => _streams.Count;

    /// <summary>The highest stream id the peer opened (a client's, on a server).</summary>
    public int LastPeerId { get; set; }

    /// <summary>False when a client's ids, of which there are 2^30, are used up.</summary>
    public bool HasNextId => _nextId <= int.MaxValue;

    /// <summary>The streams, in no order, to look at only.</summary>
    public Dictionary<int, HboneStream>.ValueCollection Values => _streams.Values;

    /// <summary>A copy of all streams, to go through while they change.</summary>
    public HboneStream[] All() => [.. _streams.Values];

    /// <summary>Finds a stream and tells what state its id is in.</summary>
    public StreamState Find(int id, out HboneStream? stream)
    {
        if (_streams.TryGetValue(id, out stream))
            return StreamState.Open;
        if (Array.IndexOf(_reset, id) >= 0)
            return StreamState.ResetByUs;
        bool clients = (id & 1) == 1;
        bool opened = clients && (isServer ? id <= LastPeerId : id < _nextId);
        return opened ? StreamState.Closed : StreamState.Idle;
    }

    /// <summary>Takes the next id of a client.</summary>
    public int TakeId()
    {
        int id = (int)_nextId;
        _nextId += 2;
        return id;
    }

    /// <summary>Starts ids at another number, as after many streams.</summary>
    public void SkipTo(int nextId) => _nextId = nextId;

    public void Add(HboneStream stream) => _streams.Add(stream.Id, stream);

    /// <summary>Removes a stream; false if it was not there.</summary>
    public bool Remove(HboneStream stream) => _streams.Remove(stream.Id);

    /// <summary>Remembers that we reset a stream. The last 64 are remembered; the peer's budget for stray frames covers the rest.</summary>
    public void NoteReset(int id)
    {
        _reset[_nextReset] = id;
        _nextReset = (_nextReset + 1) % _reset.Length;
    }
}
