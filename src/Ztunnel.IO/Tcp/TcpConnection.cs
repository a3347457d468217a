using System.Diagnostics;
using System.Net;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// One TCP connection on a loop. A read goes into the loop's scratch memory; what the reader leaves is kept in a rented
/// block until it is read. Writes go straight to the kernel, which takes what it can.
/// </summary>
/// <remarks>
/// FIN is <see cref="ReadStatus.End"/>, RST <see cref="FailureKind.Reset"/>. Bytes that came before an RST are still read
/// before the failure shows to the reader, as they would be without a proxy (a server that answers and closes early);
/// <see cref="Failure"/> shows it at once. Bytes the
/// kernel holds for the peer are still sent after an orderly <see cref="Dispose"/>.
/// </remarks>
public sealed partial class TcpConnection : Channel, IEpollHandler
{
    private const uint ReadEvents = Constants.EpollIn | Hangup | Constants.EpollPri;
    private const uint WriteEvents = Constants.EpollOut | Constants.EpollErr | Constants.EpollHup;
    private const uint Hangup = Constants.EpollRdHup | Constants.EpollHup | Constants.EpollErr;
    private const uint AllEvents = Constants.EpollIn | Constants.EpollPri | Constants.EpollOut | Constants.EpollRdHup;
    private const int Nothing = -1;

    // After a reader left something over, it is slow: reading less at once keeps the block it leaves small.
    private const int CautiousRead = 64 * 1024;

    private readonly bool _transparent;
    private ChannelWait? _readWait;
    private ChannelWait? _writeWait;
    private ChannelFailure? _failure;
    private LoopTimer? _deadline;
    private string? _deadlineDetail;
    private Block? _kept;
    private IPEndPoint? _local;
    private int _keptStart;
    private int _keptEnd;
    private int _fd;
    private int _slot = Nothing;
    private int _lentLength;
    private sbyte _lentLevel = Nothing;
    private bool _lentKept;
    private bool _readable;
    private bool _writable;
    private bool _hungUp;
    private bool _urgent;
    private bool _ended;
    private bool _writeShut;
    private bool _cautious;
    private bool _connecting;

    internal TcpConnection(EventLoop loop, int fd, IPEndPoint remote, bool transparent)
        : base(loop)
    {
        _fd = fd;
        _transparent = transparent;
        RemoteEndPoint = remote;
        loop.AddLoad(1);
    }

    /// <inheritdoc/>
    public override ChannelFailure? Failure => _failure;

    /// <summary>The peer's address.</summary>
    public IPEndPoint RemoteEndPoint { get; }

    /// <inheritdoc/>
    public override int Held => _kept?.Bytes.Length ?? 0;

    /// <summary>Our address. Throws <see cref="ObjectDisposedException"/> if first asked for after the connection was closed.</summary>
    public IPEndPoint LocalEndPoint
    {
        get
        {
            ObjectDisposedException.ThrowIf(_local is null && _fd < 0, this);
            return _local ??= TcpSocket.LocalAddress(_fd) ?? throw new InvalidOperationException("getsockname failed.");
        }
    }

    /// <summary>Bytes received from the kernel.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Bytes the kernel took.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Bytes received and not consumed, kept in a block.</summary>
    public int BytesKept => _keptEnd - _keptStart;

    /// <summary>The descriptor, for parts of this assembly that hand it to the kernel; -1 once closed.</summary>
    internal int Descriptor => _fd;

    /// <summary>Most bytes one read brings: less than the scratch memory holds, for a layer that needs part of its own for what it kept.</summary>
    internal int ReadLimit { get; set; } = int.MaxValue;

    /// <inheritdoc/>
    public override ReadStatus TryRead(out Chunk chunk)
    {
        Loop.AssertCurrent();
        if (_lentLevel != Nothing || _lentKept)
            throw new InvalidOperationException("The last chunk was not consumed.");
        if (_kept is not null)
        {
            _lentKept = true;
            chunk = new Chunk(_kept.Bytes.AsSpan(0, _keptEnd), _keptStart);
            return ReadStatus.Data;
        }

        chunk = default;
        if (_ended)
            return ReadStatus.End;
        if (_fd < 0)
            return ReadStatus.Failed;
        return _readable ? Receive(out chunk) : ReadStatus.Pending;
    }

    /// <inheritdoc/>
    public override void Consume(int count)
    {
        Loop.AssertCurrent();
        if (_lentKept)
            ConsumeKept(count);
        else if (_lentLevel != Nothing)
            ConsumeScratch(count);
        else if (_fd >= 0)
            throw new InvalidOperationException("No chunk is lent.");
    }

    /// <inheritdoc/>
    public override ValueTask WaitForReadAsync(CancellationToken cancellationToken = default) =>
        _readable || _ended || _fd < 0 || _kept is not null
            ? ValueTask.CompletedTask
            : (_readWait ??= new ChannelWait(Loop)).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public override unsafe int TryWrite(Chunk chunk)
    {
        Loop.AssertCurrent();
        if (_failure is not null)
            return chunk.Length;
        if (_writeShut)
            throw new InvalidOperationException("The writing side was shut down.");
        if (!_writable || chunk.Length == 0)
            return 0;
        nint sent;
        fixed (byte* bytes = chunk.Bytes)
        {
            do
                sent = Libc.Send(_fd, bytes, (nuint)chunk.Length, Constants.MsgNoSignal);
            while (sent < 0 && Errno.Last == Errno.Interrupted);
        }

        if (sent < 0)
            return WriteFailed(Errno.Last, chunk.Length);

        // Taking a part means the buffer is full; the kernel has noted that we want to hear of room.
        _writable = sent == chunk.Length;
        BytesWritten += sent;
        return (int)sent;
    }

    /// <inheritdoc/>
    public override ValueTask WaitForWriteAsync(CancellationToken cancellationToken = default) =>
        _writable || _failure is not null
            ? ValueTask.CompletedTask
            : (_writeWait ??= new ChannelWait(Loop)).WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public override void ShutdownWrite()
    {
        Loop.AssertCurrent();
        if (_writeShut || _fd < 0)
            return;
        _writeShut = true;
        _ = Libc.Shutdown(_fd, Constants.ShutWrite);
    }

    /// <inheritdoc/>
    public override void Abort(ChannelFailure failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        Loop.AssertCurrent();
        if (_fd < 0)
            return;
        _failure ??= failure;
        Close(reset: true);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        Loop.AssertCurrent();
        if (_fd < 0)
            return;
        bool orderly = _ended && _kept is null && _writeShut && _failure is null;
        _failure ??= new ChannelFailure(FailureKind.Closed, "closed");
        Close(reset: !orderly);
    }

    /// <summary>
    /// Fails the connection with <see cref="FailureKind.TimedOut"/> after <paramref name="delay"/> unless this is called
    /// again before; null takes the deadline away.
    /// </summary>
    /// <param name="delay">How long from now.</param>
    /// <param name="detail">The failure's text.</param>
    public void SetDeadline(TimeSpan? delay, string detail = "deadline passed")
    {
        Loop.AssertCurrent();
        _deadline?.Dispose();
        _deadline = null;
        if (delay is not { } time || _fd < 0)
            return;
        _deadlineDetail = detail;
        _deadline = Loop.Schedule(time, static state => ((TcpConnection)state!).DeadlinePassed(), this);
    }

    void IEpollHandler.OnEvents(uint events)
    {
        if ((events & Constants.EpollErr) != 0)
            NoteError();
        _hungUp |= (events & Hangup) != 0;
        _urgent |= (events & Constants.EpollPri) != 0;
        _readable |= (events & ReadEvents) != 0;
        _writable |= (events & WriteEvents) != 0;
        if (_readable)
            _readWait?.Complete();
        if (_writable)
            _writeWait?.Complete();
        if (_failure is not null)
            TellBroken();
    }

    void IEpollHandler.OnLoopStopping() => Abort(new ChannelFailure(FailureKind.Closed, "the event loop stopped"));

    /// <summary>Registers with the loop's epoll; the first events tell what is ready already.</summary>
    internal void Register()
    {
        int slot = Loop.Epoll.Add(_fd, AllEvents, this);
        if (slot >= 0)
        {
            _slot = slot;
            return;
        }

        _failure = Errno.ToFailure(-slot, "epoll_ctl");
        Close(reset: true);
    }

    /// <summary>An accepted connection has room for a first write; it is not known to hold anything to read.</summary>
    internal void RegisterAccepted()
    {
        _writable = true;
        Register();
    }

    /// <summary>Closes a connection that never came to its loop because that has stopped.</summary>
    internal void Forget()
    {
        Loop.AddLoad(-1);
        TcpSocket.Reset(_fd);
        _fd = Nothing;
    }

    private void DeadlinePassed() => Abort(new ChannelFailure(
        FailureKind.TimedOut, _connecting ? $"connect to {RemoteEndPoint}: no answer in time" : _deadlineDetail!));

    private unsafe ReadStatus Receive(out Chunk chunk)
    {
        chunk = default;
        int level = Loop.Scratch.Rent();
        Span<byte> scratch = Loop.Scratch[level];
        int room = Math.Min(scratch.Length - Chunk.StandardHeadroom, ReadLimit);
        if (_cautious)
            room = Math.Min(room, CautiousRead);
        nint received;
        fixed (byte* bytes = scratch[Chunk.StandardHeadroom..])
        {
            do
                received = Libc.Recv(_fd, bytes, (nuint)room, 0);
            while (received < 0 && Errno.Last == Errno.Interrupted);
        }

        if (received > 0)
        {
            // Less than there was room for: the socket is drained, and new bytes or a FIN make a new edge. A hang-up
            // that was reported already makes none, and a read stops short of a byte that was sent as urgent.
            _readable = received == room || _hungUp || _urgent;
            BytesRead += received;
            _lentLevel = (sbyte)level;
            _lentLength = (int)received;
            chunk = new Chunk(scratch[..(Chunk.StandardHeadroom + (int)received)], Chunk.StandardHeadroom);
            return ReadStatus.Data;
        }

        Loop.Scratch.Return(level);
        return received == 0 ? ReadEnded() : ReadFailed(Errno.Last);
    }

    private ReadStatus ReadEnded()
    {
        // After an RST that a write or an event has reported, the kernel tells the reader of an end.
        if (_failure is not null)
            return ReadStatus.Failed;
        _ended = true;
        return ReadStatus.End;
    }

    private ReadStatus ReadFailed(int errno)
    {
        if (errno == Errno.TryAgain)
        {
            _readable = _failure is not null;
            return _failure is null ? ReadStatus.Pending : ReadStatus.Failed;
        }

        Fail(Errno.ToFailure(errno, "read"));
        return ReadStatus.Failed;
    }

    private int WriteFailed(int errno, int length)
    {
        if (errno == Errno.TryAgain)
        {
            _writable = false;
            return 0;
        }

        Fail(Errno.ToFailure(errno, "write"));
        return length;
    }

    /// <summary>Fetches the error the kernel holds, so that it shows even while nobody reads or writes.</summary>
    private void NoteError()
    {
        int errno = TcpSocket.Get(_fd, Constants.SolSocket, Constants.SoError);
        if (errno != 0)
            Fail(Errno.ToFailure(errno, _connecting ? $"connect to {RemoteEndPoint}" : "connection"));
    }

    /// <summary>Both directions may find the failure now.</summary>
    private void Fail(ChannelFailure failure)
    {
        _failure ??= failure;
        _readable = true;
        _writable = true;
    }

    private void ConsumeScratch(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)_lentLength, nameof(count));
        int left = _lentLength - count;
        int level = _lentLevel;
        _lentLevel = Nothing;
        _cautious = left > 0;
        if (left > 0)
        {
            _kept = Loop.Buffers.Rent(Chunk.StandardHeadroom + left);
            Account?.Add(_kept.Bytes.Length);
            _keptStart = Chunk.StandardHeadroom;
            _keptEnd = _keptStart + left;
            Loop.Scratch[level].AsSpan(_keptStart + count, left).CopyTo(_kept.Bytes.AsSpan(_keptStart));
        }

        Loop.Scratch.Return(level);
    }

    private void ConsumeKept(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)BytesKept, nameof(count));
        _lentKept = false;
        _keptStart += count;
        if (_keptStart == _keptEnd)
            DropKept();
    }

    private void DropKept()
    {
        if (_kept is { } kept)
        {
            Account?.Add(-kept.Bytes.Length);
            kept.Dispose();
        }

        _kept = null;
        _lentKept = false;
        _keptStart = 0;
        _keptEnd = 0;
    }

    private void Close(bool reset)
    {
        int fd = _fd;
        _fd = Nothing;
        if (_slot != Nothing)
            Loop.Epoll.Release(_slot);
        if (reset)
            TcpSocket.Reset(fd);
        else
            _ = Libc.Close(fd);
        Loop.AddLoad(-1);
        _deadline?.Dispose();
        DropKept();
        if (_lentLevel != Nothing)
            Loop.Scratch.Return(_lentLevel);
        _lentLevel = Nothing;
        Debug.Assert(_failure is not null, "A closed connection says why.");
        _ended = false;
        _readWait?.Complete();
        _writeWait?.Complete();
    }
}
