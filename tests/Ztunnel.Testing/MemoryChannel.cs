using Ztunnel.IO;

namespace Ztunnel.Testing;

/// <summary>
/// One end of a byte stream in memory, both ends on one loop: a transport for protocol tests that can be cut up, throttled
/// and looked into. As with TCP, bytes that came before a reset are still read. What it lends is overwritten once it was given back, so that a reader who keeps a chunk is found out.
/// </summary>
public sealed class MemoryChannel : Channel
{
    private const byte Scribble = 0xdd;

    private readonly MemoryChannelOptions _options;
    private readonly Queue<byte[]> _incoming = new();
    private readonly ChannelWait _readWait;
    private readonly ChannelWait _writeWait;
    private MemoryChannel _peer = null!;
    private ChannelFailure? _failure;
    private byte[]? _lent;
    private int _lentLength;
    private int _firstConsumed;
    private bool _ended;
    private bool _writeShut;
    private bool _disposed;

    private MemoryChannel(EventLoop loop, MemoryChannelOptions options)
        : base(loop)
    {
        _options = options;
        _readWait = new ChannelWait(loop);
        _writeWait = new ChannelWait(loop);
    }

    /// <inheritdoc/>
    public override ChannelFailure? Failure => _failure;

    /// <summary>Bytes sent to this end and not consumed.</summary>
    public int Unread { get; private set; }

    /// <summary>Bytes this end has taken from its writer.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Calls of <see cref="TryWrite"/> that took something.</summary>
    public int Writes { get; private set; }

    /// <summary>True once let go of, in whatever way.</summary>
    public bool IsDisposed => _disposed;

    /// <summary>True if it was let go of in order: both sides had ended.</summary>
    public bool EndedInOrder { get; private set; }

    /// <summary>What this end's writer may have in flight, in bytes. Raising it wakes the writer.</summary>
    public int Capacity
    {
        get;
        set
        {
            field = value;
            WakeWriter();
        }
    }

    private int Room => Math.Max(Capacity - _peer.Unread, 0);

    /// <summary>Makes two connected ends.</summary>
    public static (MemoryChannel First, MemoryChannel Second) Pair(EventLoop loop, MemoryChannelOptions? options = null)
    {
        options ??= new MemoryChannelOptions();
        MemoryChannel first = new(loop, options);
        MemoryChannel second = new(loop, options);
        first._peer = second;
        second._peer = first;
        first.Capacity = second.Capacity = options.Capacity;
        return (first, second);
    }

    /// <inheritdoc/>
    public override ReadStatus TryRead(out Chunk chunk)
    {
        chunk = default;
        if (_lent is not null)
            throw new InvalidOperationException("The last chunk was not consumed.");
        if (_disposed)
            return ReadStatus.Failed;
        if (Unread == 0)
            return _failure is not null ? ReadStatus.Failed : _ended ? ReadStatus.End : ReadStatus.Pending;
        _lentLength = Math.Clamp(_options.ReadSize(Unread), 1, Unread);
        _lent = new byte[Chunk.StandardHeadroom + _lentLength];
        Peek(_lent.AsSpan(Chunk.StandardHeadroom));
        chunk = new Chunk(_lent, Chunk.StandardHeadroom);
        return ReadStatus.Data;
    }

    /// <inheritdoc/>
    public override void Consume(int count)
    {
        if (_lent is null)
            throw new InvalidOperationException("No chunk is lent.");
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _lentLength);
        _lent.AsSpan().Fill(Scribble);
        _lent = null;
        Unread -= count;
        while (count > 0)
        {
            int step = Math.Min(count, _incoming.Peek().Length - _firstConsumed);
            _firstConsumed += step;
            count -= step;
            if (_firstConsumed < _incoming.Peek().Length)
                continue;
            _incoming.Dequeue();
            _firstConsumed = 0;
        }

        _peer.WakeWriter();
    }

    /// <inheritdoc/>
    public override ValueTask WaitForReadAsync(CancellationToken cancellationToken = default) =>
        Unread > 0 || _ended || _failure is not null ? ValueTask.CompletedTask : _readWait.WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public override int TryWrite(Chunk chunk)
    {
        if (_failure is not null)
            return chunk.Length;
        if (_writeShut)
            throw new InvalidOperationException("The writing side was shut down.");
        int room = Math.Min(Room, chunk.Length);
        int taken = room == 0 ? 0 : Math.Clamp(_options.WriteSize(room), 0, room);
        if (taken == 0)
            return 0;
        BytesWritten += taken;
        Writes++;
        _peer._incoming.Enqueue(chunk.Bytes[..taken].ToArray());
        _peer.Unread += taken;
        _peer.WakeReader();
        return taken;
    }

    /// <inheritdoc/>
    public override ValueTask WaitForWriteAsync(CancellationToken cancellationToken = default) =>
        Room > 0 || _failure is not null ? ValueTask.CompletedTask : _writeWait.WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public override void ShutdownWrite()
    {
        _writeShut = true;
        _peer._ended = true;
        _peer.WakeReader();
    }

    /// <inheritdoc/>
    public override void Abort(ChannelFailure failure)
    {
        if (_disposed)
            return;
        _disposed = true;
        Fail(failure);
        _peer.Fail(new ChannelFailure(FailureKind.Reset, "the other end reset the channel"));
        Loop.Post(static state => ((MemoryChannel)state!).TellBroken(), _peer);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_disposed)
            return;
        ChannelFailure closed = new(FailureKind.Closed, "closed");
        EndedInOrder = _ended && _writeShut && Unread == 0 && _failure is null;
        if (!EndedInOrder)
        {
            Abort(closed);
            return;
        }

        _disposed = true;
        Fail(closed);
    }

    private void Peek(Span<byte> target)
    {
        int skip = _firstConsumed;
        foreach (byte[] bytes in _incoming)
        {
            int count = Math.Min(target.Length, bytes.Length - skip);
            bytes.AsSpan(skip, count).CopyTo(target);
            target = target[count..];
            skip = 0;
            if (target.IsEmpty)
                return;
        }
    }

    private void Fail(ChannelFailure failure)
    {
        if (_failure is not null)
            return;
        _failure = failure;
        WakeReader();
        WakeWriter();
    }

    // Never inline: the two ends must see each other only as two machines would.
    private void WakeReader() => Loop.Post(static state => ((MemoryChannel)state!)._readWait.Complete(), this);

    private void WakeWriter() => Loop.Post(
        static state =>
        {
            MemoryChannel channel = (MemoryChannel)state!;
            if (channel.Room > 0 || channel._failure is not null)
                channel._writeWait.Complete();
        },
        this);
}

/// <summary>How a <see cref="MemoryChannel"/> pair behaves.</summary>
public sealed record MemoryChannelOptions
{
    /// <summary>Bytes in flight per direction.</summary>
    public int Capacity { get; init; } = 1024 * 1024;

    /// <summary>How many of the bytes there are one read lends.</summary>
    public Func<int, int> ReadSize { get; init; } = static available => Math.Min(available, 256 * 1024);

    /// <summary>How many of the bytes there is room for one write takes; 0 is allowed only if a later call takes more.</summary>
    public Func<int, int> WriteSize { get; init; } = static room => room;
}
