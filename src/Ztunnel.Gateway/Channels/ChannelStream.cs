using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// A channel as the <see cref="Stream"/> an HTTP client works on. May be used from any thread; on the channel's own loop it
/// costs no more than the channel. Disposing it closes the channel in order, without losing what was written.
/// </summary>
internal sealed class ChannelStream : AsyncStream
{
    private readonly Channel _channel;
    private readonly Reading _reading;
    private readonly Writing _writing;
    private bool _disposed;

    public ChannelStream(Channel channel)
    {
        _channel = channel;
        _reading = new Reading(channel);
        _writing = new Writing(channel);
    }

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _reading.Read(buffer, cancellationToken);

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        _writing.Write(buffer, cancellationToken);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing && !_disposed)
        {
            _disposed = true;
            if (_channel.Loop.IsCurrent)
                CloseOnLoop();
            else
                _channel.Loop.Post(static state => ((ChannelStream)state!).CloseOnLoop(), this);
        }

        base.Dispose(disposing);
    }

    private void CloseOnLoop()
    {
        // What is not written yet never will be: there is no order to close in.
        if (_writing.IsUnderWay)
            _channel.Abort(new ChannelFailure(FailureKind.Closed, "closed"));
        _reading.Close();
    }

    private sealed class Reading(Channel channel) : ChannelReading<int>(channel)
    {
        private Memory<byte> _buffer;
        private bool _waited;

        public ValueTask<int> Read(Memory<byte> buffer, CancellationToken cancellationToken)
        {
            _buffer = buffer;
            _waited = false;
            return Run(cancellationToken);
        }

        protected override bool TryFinish(out int result, out int moved)
        {
            result = 0;
            moved = 0;
            // A read of nothing waits until there may be something, and leaves it where it is.
            if (_buffer.IsEmpty)
                return _waited;
            switch (Channel.TryRead(out Chunk chunk))
            {
                case ReadStatus.Data:
                    result = moved = Math.Min(chunk.Length, _buffer.Length);
                    chunk.Bytes[..result].CopyTo(_buffer.Span);
                    Channel.Consume(result);
                    return true;
                case ReadStatus.End:
                    return true;
                case ReadStatus.Failed:
                    throw new ChannelException(Channel.Failure!);
                default:
                    return false;
            }
        }

        protected override ValueTask Wait()
        {
            _waited = true;
            return base.Wait();
        }
    }

    private sealed class Writing(Channel channel) : ChannelWriting<bool>(channel)
    {
        private ReadOnlyMemory<byte> _rest;

        public bool IsUnderWay => IsPending;

        public ValueTask Write(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
        {
            if (buffer.IsEmpty)
                return ValueTask.CompletedTask;
            _rest = buffer;
            return RunWithoutResult(cancellationToken);
        }

        protected override bool TryFinish(out bool result, out int moved)
        {
            result = true;
            moved = TryWrite(_rest.Span);
            _rest = _rest[moved..];
            return _rest.IsEmpty;
        }
    }
}
