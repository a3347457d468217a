using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// Ends a loop's sleep from another thread, by an eventfd written only when the loop sleeps. It is edge-triggered, so it
/// is never read: each write is an edge.
/// </summary>
internal sealed unsafe class LoopWakeUp : IEpollHandler, IDisposable
{
    private readonly int _fd;
    private int _armed;
    private int _ringing;
    private volatile bool _closed;

    public LoopWakeUp(Epoll epoll)
    {
        _fd = Libc.EventFd(0, Constants.SockNonBlock | Constants.SockCloseOnExec);
        int slot = _fd < 0 ? -Errno.Last : epoll.Add(_fd, Constants.EpollIn, this);
        if (slot < 0)
            throw new ChannelException(Errno.ToFailure(-slot, "eventfd"));
    }

    /// <summary>The loop is about to sleep; whoever adds work from now on rings. The loop must look for work once more after this.</summary>
    public void Arm() => Interlocked.Exchange(ref _armed, 1);

    /// <summary>The loop is awake.</summary>
    public void Disarm() => Volatile.Write(ref _armed, 0);

    /// <summary>Wakes the loop if it sleeps. Safe from any thread, at any time.</summary>
    public void Ring()
    {
        if (Interlocked.Exchange(ref _armed, 0) == 0)
            return;

        // The loop may wake for another reason and close the descriptor before it is written here: it waits for us.
        Interlocked.Increment(ref _ringing);
        if (!_closed)
        {
            ulong one = 1;
            _ = Libc.Write(_fd, &one, sizeof(ulong));
        }

        Interlocked.Decrement(ref _ringing);
    }

    void IEpollHandler.OnEvents(uint events)
    {
    }

    void IEpollHandler.OnLoopStopping()
    {
    }

    public void Dispose()
    {
        _closed = true;
        Interlocked.MemoryBarrier();
        SpinWait spin = default;
        while (Volatile.Read(ref _ringing) != 0)
            spin.SpinOnce();
        _ = Libc.Close(_fd);
    }
}
