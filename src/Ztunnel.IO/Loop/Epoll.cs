using System.Runtime.InteropServices;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// One epoll and the table of who owns each registered descriptor. The kernel keeps a slot number and the slot's
/// generation, so an event of a descriptor closed earlier in the same batch is recognised as stale. Closing the
/// descriptor is what takes it out of the kernel's set. Loop thread only.
/// </summary>
internal sealed unsafe class Epoll : IDisposable
{
    // struct epoll_event is packed on x86-64 only.
    private static readonly int EventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;
    private static readonly int DataOffset = EventSize - sizeof(ulong);

    private readonly int _fd;
    private readonly int _capacity;
    private readonly byte* _events;
    private Slot[] _slots = new Slot[64];
    private int _used;
    private int _firstFree = -1;

    public Epoll(int capacity)
    {
        _capacity = capacity;
        _fd = Libc.EpollCreate1(Constants.EpollCloseOnExec);
        if (_fd < 0)
            throw new ChannelException(Errno.ToFailure(Errno.Last, "epoll_create"));
        _events = (byte*)NativeMemory.Alloc((nuint)(capacity * EventSize));
    }

    /// <summary>Registers a descriptor, edge-triggered; returns its slot, or minus the errno.</summary>
    public int Add(int fd, uint events, IEpollHandler handler)
    {
        int slot = TakeSlot();
        byte* settings = stackalloc byte[16];
        *(uint*)settings = events | Constants.EpollEdge;
        *(ulong*)(settings + DataOffset) = ((ulong)_slots[slot].Generation << 32) | (uint)slot;
        if (Libc.EpollCtl(_fd, Constants.EpollCtlAdd, fd, settings) < 0)
        {
            int errno = Errno.Last;
            Release(slot);
            return -errno;
        }

        _slots[slot].Handler = handler;
        return slot;
    }

    /// <summary>Forgets the owner of a descriptor that is about to be closed.</summary>
    public void Release(int slot)
    {
        ref Slot entry = ref _slots[slot];
        entry.Handler = null;
        entry.Generation++;
        entry.NextFree = _firstFree;
        _firstFree = slot;
    }

    /// <summary>
    /// Forgets a descriptor that is about to be closed here while another process goes on with it: the kernel would report its
    /// events to us for as long as that has it open.
    /// </summary>
    public void Withdraw(int slot, int fd)
    {
        _ = Libc.EpollCtl(_fd, Constants.EpollCtlDelete, fd, null);
        Release(slot);
    }

    /// <summary>Waits for events: how many came.</summary>
    public int Wait(int timeoutMilliseconds)
    {
        int count = Libc.EpollWait(_fd, _events, _capacity, timeoutMilliseconds);
        if (count >= 0)
            return count;
        if (Errno.Last == Errno.Interrupted)
            return 0;
        throw new InvalidOperationException($"epoll_wait: {Errno.Text(Errno.Last)}");
    }

    /// <summary>The owner and bits of one event of the last wait; null when the descriptor has been closed since.</summary>
    public IEpollHandler? Event(int index, out uint events)
    {
        byte* entry = _events + (index * EventSize);
        events = *(uint*)entry;
        ulong data = *(ulong*)(entry + DataOffset);
        ref Slot slot = ref _slots[(int)(uint)data];
        return slot.Generation == (uint)(data >> 32) ? slot.Handler : null;
    }

    /// <summary>All owners at this moment.</summary>
    public IReadOnlyList<IEpollHandler> Handlers() =>
        [.. _slots.Where(slot => slot.Handler is not null).Select(slot => slot.Handler!)];

    /// <inheritdoc/>
    public void Dispose()
    {
        _ = Libc.Close(_fd);
        NativeMemory.Free(_events);
    }

    private int TakeSlot()
    {
        if (_firstFree >= 0)
        {
            int slot = _firstFree;
            _firstFree = _slots[slot].NextFree;
            return slot;
        }

        if (_used == _slots.Length)
            Array.Resize(ref _slots, _slots.Length * 2);
        return _used++;
    }

    private struct Slot
    {
        public IEpollHandler? Handler;
        public uint Generation;
        public int NextFree;
    }
}
