using System.Buffers;
using System.IO.Pipelines;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// A channel's writing side as the <see cref="PipeWriter"/> an HTTP server answers into. What is written between two flushes
/// leaves in one piece; a flush ends when the channel has taken all of it, and nothing is held after.
/// </summary>
internal sealed class ChannelPipeWriter(Channel channel) : PipeWriter
{
    private const int SmallBuffer = 4 * 1024;

    private readonly Flushing _flushing = new(channel);

    /// <inheritdoc/>
    public override bool CanGetUnflushedBytes => true;

    /// <inheritdoc/>
    public override long UnflushedBytes => _flushing.Unflushed;

    /// <inheritdoc/>
    public override Memory<byte> GetMemory(int sizeHint = 0) => _flushing.Room(sizeHint);

    /// <inheritdoc/>
    public override Span<byte> GetSpan(int sizeHint = 0) => _flushing.Room(sizeHint).Span;

    /// <inheritdoc/>
    public override void Advance(int bytes) => _flushing.Advance(bytes);

    /// <inheritdoc/>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => _flushing.Flush(cancellationToken);

    /// <inheritdoc/>
    public override void CancelPendingFlush() => _flushing.CancelFlush();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => _flushing.Complete();

    private sealed class Flushing(Channel channel) : ChannelWriting<FlushResult>(channel)
    {
        private byte[]? _buffer;
        private int _start;
        private int _end;
        private bool _completed;
        private int _canceled;

        public long Unflushed => _end - _start;

        public Memory<byte> Room(int sizeHint)
        {
            int needed = Math.Max(sizeHint, 1);
            if (_buffer is null)
                _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(needed, SmallBuffer));
            else if (_buffer.Length - _end < needed)
                Grow(needed);
            return _buffer.AsMemory(_end);
        }

        public void Advance(int bytes)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)bytes, (uint)((_buffer?.Length ?? 0) - _end), nameof(bytes));
            _end += bytes;
        }

        public ValueTask<FlushResult> Flush(CancellationToken cancellationToken) =>
            _start == _end ? ValueTask.FromResult(Result(isCanceled: false)) : Run(cancellationToken);

        public void CancelFlush()
        {
            Interlocked.Exchange(ref _canceled, 1);
            if (Channel.Loop.IsCurrent)
                EndCanceled();
            else
                Channel.Loop.Post(static state => ((Flushing)state!).EndCanceled(), this);
        }

        public void Complete()
        {
            if (Channel.Loop.IsCurrent)
                CompleteOnLoop();
            else
                Channel.Loop.Post(static state => ((Flushing)state!).CompleteOnLoop(), this);
        }

        protected override bool TryFinish(out FlushResult result, out int moved)
        {
            result = default;
            moved = 0;
            if (Interlocked.Exchange(ref _canceled, 0) != 0)
            {
                result = Result(isCanceled: true);
                return true;
            }

            if (_buffer is null)
            {
                result = Result(isCanceled: false);
                return true;
            }

            // Bytes a broken channel does not take are dropped: the server learns of the break by reading.
            moved = Channel.Failure is null ? TryWriteQuietly() : _end - _start;
            _start += moved;
            if (_start < _end)
                return false;
            Drop();
            result = Result(isCanceled: false);
            return true;
        }

        /// <summary>On the loop, so that no flush is just reading from the buffer that is given back.</summary>
        private void CompleteOnLoop()
        {
            _completed = true;
            Drop();
            Finish(Result(isCanceled: false));
        }

        private void Drop()
        {
            if (_buffer is { } buffer)
                ArrayPool<byte>.Shared.Return(buffer);
            _buffer = null;
            _start = _end = 0;
        }

        private int TryWriteQuietly()
        {
            try
            {
                return TryWrite(_buffer.AsSpan(_start, _end - _start));
            }
            catch (ChannelException)
            {
                return _end - _start;
            }
        }

        private void EndCanceled()
        {
            if (IsPending && Interlocked.Exchange(ref _canceled, 0) != 0)
                Finish(Result(isCanceled: true));
        }

        /// <summary>Completed when nobody reads any more: the server then stops producing.</summary>
        private FlushResult Result(bool isCanceled) => new(isCanceled, _completed || Channel.Failure is not null);

        private void Grow(int needed)
        {
            byte[] from = _buffer!;
            int kept = _end - _start;
            byte[] into = ArrayPool<byte>.Shared.Rent(Math.Max(kept + needed, 2 * from.Length));
            from.AsSpan(_start, kept).CopyTo(into);
            ArrayPool<byte>.Shared.Return(from);
            _buffer = into;
            _start = 0;
            _end = kept;
        }
    }
}
