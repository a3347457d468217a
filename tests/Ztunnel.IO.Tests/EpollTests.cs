using Ztunnel.IO.Native;

namespace Ztunnel.IO.Tests;

public sealed class EpollTests
{
    [Fact]
    public void An_event_of_a_descriptor_closed_in_the_same_batch_does_not_reach_the_next_owner_of_its_slot()
    {
        using Epoll epoll = new(16);
        int[] ready = [Ready(), Ready(), Ready()];
        int first = epoll.Add(ready[0], Constants.EpollIn, new Handler());
        int second = epoll.Add(ready[1], Constants.EpollIn, new Handler());
        Assert.Equal(2, epoll.Wait(0));

        epoll.Release(first);
        epoll.Release(second);
        Handler next = new();
        Assert.Equal(second, epoll.Add(ready[2], Constants.EpollIn, next));

        Assert.Null(epoll.Event(0, out _));
        Assert.Null(epoll.Event(1, out _));
        Assert.Equal(1, epoll.Wait(0));
        Assert.Same(next, epoll.Event(0, out uint events));
        Assert.Equal(Constants.EpollIn, events);
        Assert.All(ready, fd => Assert.Equal(0, Libc.Close(fd)));

        static int Ready() => Libc.EventFd(1, Constants.SockNonBlock | Constants.SockCloseOnExec);
    }

    [Fact]
    public void A_descriptor_that_cannot_be_watched_is_answered_with_its_errno()
    {
        using Epoll epoll = new(16);

        Assert.Equal(-Errno.BadDescriptor, epoll.Add(-1, Constants.EpollIn, new Handler()));
    }

    private sealed class Handler : IEpollHandler
    {
        public void OnEvents(uint events)
        {
        }

        public void OnLoopStopping()
        {
        }
    }
}
