using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>
/// One pod's part of one loop. Each time round the loop a pod may move so much, however many connections it has; those that
/// come after that wait in line, first come first served, and go on the next time round. So what another pod waits for is
/// one turn of each pod, not of each connection. A pod alone is not slowed: the loop goes round at once. Loop thread only.
/// </summary>
internal sealed class LoopShare(EventLoop loop)
{
    /// <summary>Bytes a pod may move each time round: about half a millisecond of TLS.</summary>
    internal const int BytesPerRound = 1024 * 1024;

    /// <summary>What one connection's being served costs beside its bytes, in bytes: two system calls and what is around them.</summary>
    internal const int ServiceCost = 16 * 1024;

    private readonly Queue<ChannelWait> _line = new();
    private readonly Stack<ChannelWait> _places = new();
    private long _round = -1;
    private int _left;
    private bool _serving;

    /// <summary>Bytes left in this round.</summary>
    public int Left => Math.Max(_left, 0);

    /// <summary>Begins to serve a connection; false when it has to get in line first.</summary>
    public bool TryBegin()
    {
        if (_line.Count > 0)
            return false;
        if (_round != loop.Iteration)
        {
            _round = loop.Iteration;
            _left = BytesPerRound;
        }

        return TryServe();
    }

    /// <summary>Gets in line. When the wait is over the connection is being served: it begins no more.</summary>
    public ValueTask WaitAsync()
    {
        ChannelWait place = _places.TryPop(out ChannelWait? free) ? free : new ChannelWait(loop);
        _line.Enqueue(place);
        if (!_serving)
            _ = ServeLine();
        return place.WaitAsync();
    }

    /// <summary>Takes bytes moved off this round's.</summary>
    public void Spend(int bytes) => _left -= bytes;

    private bool TryServe()
    {
        if (_left <= 0)
            return false;
        _left -= ServiceCost;
        return true;
    }

    private async Task ServeLine()
    {
        _serving = true;
        while (_line.Count > 0)
        {
            // After the events of this time round, or of the next: either way others had their turn.
            await loop.YieldAsync();
            if (_round == loop.Iteration)
                continue;
            _round = loop.Iteration;
            _left = BytesPerRound;
            while (_line.Count > 0 && TryServe())
            {
                ChannelWait place = _line.Dequeue();
                place.Complete();
                _places.Push(place);
            }
        }

        _serving = false;
    }
}
