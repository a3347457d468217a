namespace Ztunnel.Hbone;

/// <summary>What a connection knows of a stream id (RFC 9113 section 5.1).</summary>
internal enum StreamState
{
    /// <summary>Not opened yet: only HEADERS from whoever may open it, or PRIORITY, are legal.</summary>
    Idle,

    /// <summary>In the table.</summary>
    Open,

    /// <summary>Ended or reset by the peer a moment ago: it must send nothing more.</summary>
    EndedByPeer,

    /// <summary>Reset by us a moment ago, so the peer may not know yet: its frames are ignored.</summary>
    ResetByUs,

    /// <summary>Closed longer ago, by whom is forgotten; or passed over by the peer when it chose an id.</summary>
    Closed,
}

/// <summary>The streams of a connection that are not closed, and enough about the closed ones to judge late frames.</summary>
internal sealed class StreamTable(bool isServer)
{
    private readonly Dictionary<int, HboneStream> _streams = [];
    private readonly RecentIds _endedByPeer = new();
    private readonly RecentIds _resetByUs = new();
    private long _nextId = 1;

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
        if (_endedByPeer.Contains(id))
            return StreamState.EndedByPeer;
        if (_resetByUs.Contains(id))
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

    /// <summary>Starts ids at another number, for tests of what takes 2^30 streams.</summary>
    public void SkipTo(int nextId) => _nextId = nextId;

    public void Add(HboneStream stream) => _streams.Add(stream.Id, stream);

    /// <summary>Removes a stream; false if it was not there.</summary>
    public bool Remove(HboneStream stream) => _streams.Remove(stream.Id);

    /// <summary>Remembers that the peer has ended or reset a stream: whatever else it sends there is an error of its own.</summary>
    public void NoteEndedByPeer(int id) => _endedByPeer.Add(id);

    /// <summary>Remembers that we reset a stream: the peer may still send there in good faith.</summary>
    public void NoteReset(int id) => _resetByUs.Add(id);

    /// <summary>The last 64 of a kind; what is older is judged as if it had been in good faith.</summary>
    private sealed class RecentIds
    {
        private readonly int[] _ids = new int[64];
        private int _next;

        public bool Contains(int id) => Array.IndexOf(_ids, id) >= 0;

        public void Add(int id)
        {
            _ids[_next] = id;
            _next = (_next + 1) % _ids.Length;
        }
    }
}
