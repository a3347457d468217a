namespace Ztunnel.IO.Tests;

/// <summary>
/// One end of an in-memory connection that lends, takes and makes wait in random portions: everything a transport is allowed
/// to do and TCP over loopback seldom does.
/// </summary>
internal sealed class RaggedChannel : Channel
{
    private const int Capacity = 100_000;

    private readonly Random _random;
    private readonly Queue<byte[]> _arrived = new();
    private readonly byte[] _lent = new byte[(256 * 1024) + Chunk.StandardHeadroom];
    private readonly ChannelWait _readWait;
    private readonly ChannelWait _writeWait;
    private RaggedChannel _peer = null!;
    private ChannelFailure? _failure;
    private int _unread;
    private bool _endArrived;
    private bool _shut;

    private RaggedChannel(EventLoop loop, int seed)
        : base(loop)
    {
        _random = new Random(seed);
        _readWait = new ChannelWait(loop);
        _writeWait = new ChannelWait(loop);
    }

    public override ChannelFailure? Failure => _failure;

    public static (RaggedChannel One, RaggedChannel Other) Pair(EventLoop loop, int seed)
    {
        RaggedChannel one = new(loop, seed);
        RaggedChannel other = new(loop, seed + 1) { _peer = one };
        one._peer = other;
        return (one, other);
    }

    public override ReadStatus TryRead(out Chunk chunk)
    {
        chunk = default;
        if (_failure is not null)
            return ReadStatus.Failed;
        if (_arrived.Count == 0)
            return _endArrived ? ReadStatus.End : ReadStatus.Pending;
        byte[] bytes = _arrived.Peek();
        bytes.CopyTo(_lent, Chunk.StandardHeadroom);
        chunk = new Chunk(_lent.AsSpan(0, Chunk.StandardHeadroom + bytes.Length), Chunk.StandardHeadroom);
        return ReadStatus.Data;
    }

    public override void Consume(int count)
    {
        byte[] bytes = _arrived.Dequeue();
        _unread -= count;
        if (count < bytes.Length)
        {
            byte[][] rest = [bytes[count..], .. _arrived];
            _arrived.Clear();
            foreach (byte[] part in rest)
                _arrived.Enqueue(part);
        }

        // A writer is not woken from inside the reader's call, as it is not by a kernel.
        Loop.Post(static state => ((RaggedChannel)state!)._writeWait.Complete(), _peer);
    }

    public override ValueTask WaitForReadAsync(CancellationToken cancellationToken = default) =>
        _arrived.Count > 0 || _endArrived || _failure is not null
            ? ValueTask.CompletedTask
            : _readWait.WaitAsync(cancellationToken);

    public override int TryWrite(Chunk chunk)
    {
        if (_failure is not null)
            return chunk.Length;
        Assert.False(_shut);
        int count = Math.Min(chunk.Length, Capacity - _peer._unread);
        if (_random.Next(2) == 0)
            count = _random.Next(count + 1);
        chunk.WithHeader(chunk.Headroom, 0).Fill(0xee);
        for (int at = 0; at < count;)
        {
            int part = Math.Min(count - at, _random.Next(3) == 0 ? _random.Next(1, 10) : _random.Next(1, 50_000));
            _peer._arrived.Enqueue(chunk.Bytes.Slice(at, part).ToArray());
            at += part;
        }

        _peer._unread += count;
        Loop.Post(static state => ((RaggedChannel)state!)._readWait.Complete(), _peer);
        return count;
    }

    public override ValueTask WaitForWriteAsync(CancellationToken cancellationToken = default)
    {
        if (_failure is not null || (_peer._unread < Capacity && _random.Next(2) == 0))
            return ValueTask.CompletedTask;
        // "May take something" again soon even when nobody read: capacity was never the only reason to refuse.
        if (_peer._unread < Capacity)
            Loop.Post(static state => ((RaggedChannel)state!)._writeWait.Complete(), this);
        return _writeWait.WaitAsync(cancellationToken);
    }

    public override void ShutdownWrite()
    {
        _shut = true;
        _peer._endArrived = true;
        Loop.Post(static state => ((RaggedChannel)state!)._readWait.Complete(), _peer);
    }

    public override void Abort(ChannelFailure failure)
    {
        if (_failure is not null)
            return;
        _failure = failure;
        _peer._failure ??= new ChannelFailure(FailureKind.Reset, "reset");
        foreach (ChannelWait wait in new[] { _readWait, _writeWait, _peer._readWait, _peer._writeWait })
            wait.Complete();
    }

    public override void Dispose()
    {
        if (!_shut || !_endArrived || _arrived.Count > 0)
            Abort(new ChannelFailure(FailureKind.Closed, "closed"));
        _failure ??= new ChannelFailure(FailureKind.Closed, "closed");
    }
}
