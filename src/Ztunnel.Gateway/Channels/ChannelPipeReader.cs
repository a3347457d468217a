using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// A channel's reading side as the <see cref="PipeReader"/> an HTTP server parses from. It holds a buffer only while bytes are
/// read and not consumed, reads no more than is asked for, and while nothing is asked for watches for the peer's end.
/// </summary>
internal sealed class ChannelPipeReader : PipeReader
{
    private const int SmallBuffer = 4 * 1024;
    private const int LargestRead = 64 * 1024;

    private readonly Reading _reading;

    /// <summary>Reads <paramref name="channel"/> for a server.</summary>
    /// <param name="channel">What is read. Closed with <see cref="Close"/>, not by completing the reader.</param>
    /// <param name="ended">Told, on the loop, when the peer has ended or broken the channel and what it sent was read.</param>
    public ChannelPipeReader(Channel channel, Action ended) => _reading = new Reading(channel, ended);

    /// <inheritdoc/>
    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => _reading.Read(cancellationToken);

    /// <inheritdoc/>
    public override bool TryRead(out ReadResult result) => _reading.TryReadBuffered(out result);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed) => _reading.Advance(consumed, consumed);

    /// <inheritdoc/>
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => _reading.Advance(consumed, examined);

    /// <inheritdoc/>
    public override void CancelPendingRead() => _reading.CancelRead();

    /// <inheritdoc/>
    public override void Complete(Exception? exception = null) => _reading.Complete();

    /// <summary>Closes the channel in order; from any thread.</summary>
    public void Close() => _reading.Close();

    private sealed class Reading(Channel channel, Action ended) : ChannelReading<ReadResult>(channel)
    {
        private byte[]? _buffer;
        private int _start;
        private int _end;
        private ReadOnlySequence<byte> _shown;
        private bool _unexamined;
        private bool _ended;
        private bool _completed;
        private int _canceled;

        public ValueTask<ReadResult> Read(CancellationToken cancellationToken)
        {
            if (TryReadBuffered(out ReadResult result))
                return ValueTask.FromResult(result);
            return Run(cancellationToken);
        }

        /// <summary>What can be shown without asking the channel: what was not examined yet, the end, a cancellation.</summary>
        public bool TryReadBuffered(out ReadResult result)
        {
            if (Interlocked.Exchange(ref _canceled, 0) != 0)
            {
                result = Show(isCanceled: true);
                return true;
            }

            if (_unexamined || _ended)
            {
                result = Show(isCanceled: false);
                return true;
            }

            result = default;
            return false;
        }

        public void Advance(SequencePosition consumed, SequencePosition examined)
        {
            if (_buffer is null)
                return;
            long left = _shown.Slice(consumed).Length;
            _unexamined = _shown.Slice(examined).Length > 0;
            _start = _end - (int)left;
            _shown = default;
            if (left == 0)
                Drop();
            if (_unexamined || _ended)
                return;
            if (Channel.Loop.IsCurrent)
                WatchWhileIdle();
            else
                Channel.Loop.Post(static state => ((Reading)state!).WatchWhileIdle(), this);
        }

        public void CancelRead()
        {
            Interlocked.Exchange(ref _canceled, 1);
            if (Channel.Loop.IsCurrent)
                EndCanceled();
            else
                Channel.Loop.Post(static state => ((Reading)state!).EndCanceled(), this);
        }

        public void Complete()
        {
            if (Channel.Loop.IsCurrent)
                CompleteOnLoop();
            else
                Channel.Loop.Post(static state => ((Reading)state!).CompleteOnLoop(), this);
        }

        protected override bool TryFinish(out ReadResult result, out int moved)
        {
            moved = 0;
            if (TryReadBuffered(out result))
                return true;
            switch (Channel.TryRead(out Chunk chunk))
            {
                case ReadStatus.Data:
                    moved = Take(chunk.Bytes);
                    Channel.Consume(moved);
                    result = Show(isCanceled: false);
                    return true;
                case ReadStatus.End:
                    End();
                    result = Show(isCanceled: false);
                    return true;
                case ReadStatus.Failed:
                    ended();
                    ChannelFailure failure = Channel.Failure!;
                    throw failure.Kind == FailureKind.Closed
                        ? new ConnectionAbortedException(failure.Detail)
                        : new ConnectionResetException(failure.Detail);
                default:
                    return false;
            }
        }

        /// <summary>
        /// Something came while the server was busy answering. An end or a break means that nobody waits for the answer any
        /// more; bytes are the next request, and stay where they are.
        /// </summary>
        protected override void Noticed()
        {
            if (_completed)
            {
                base.Noticed();
                return;
            }

            switch (Channel.TryRead(out _))
            {
                case ReadStatus.Data:
                    Channel.Consume(0);
                    break;
                case ReadStatus.End:
                    End();
                    break;
                case ReadStatus.Failed:
                    ended();
                    break;
                default:
                    Watch();
                    break;
            }
        }

        /// <summary>On the loop, so that no read is just filling the buffer that is given back.</summary>
        private void CompleteOnLoop()
        {
            _completed = true;
            _shown = default;
            Drop();
        }

        private void WatchWhileIdle()
        {
            // What is there already is mostly about to be read. Only if it is not is it looked at.
            if (!_completed && !IsPending && !Watch())
                Channel.Loop.Post(static state => ((Reading)state!).LookWhileIdle(), this);
        }

        private void LookWhileIdle()
        {
            if (!_completed && !IsPending && !_unexamined && !_ended)
                Noticed();
        }

        private void End()
        {
            _ended = true;
            ended();
        }

        private void EndCanceled()
        {
            if (IsPending && Interlocked.Exchange(ref _canceled, 0) != 0)
                Finish(Show(isCanceled: true));
        }

        private ReadResult Show(bool isCanceled)
        {
            _unexamined = _end > _start;
            _shown = _buffer is null ? ReadOnlySequence<byte>.Empty : new ReadOnlySequence<byte>(_buffer, _start, _end - _start);
            return new ReadResult(_shown, isCanceled, _ended);
        }

        private int Take(ReadOnlySpan<byte> bytes)
        {
            int count = Math.Min(bytes.Length, LargestRead);
            if (_buffer is null)
            {
                _buffer = ArrayPool<byte>.Shared.Rent(Math.Max(count, SmallBuffer));
                _start = _end = 0;
            }
            else if (_buffer.Length - _end < count)
            {
                MakeRoom(count);
            }

            bytes[..count].CopyTo(_buffer.AsSpan(_end));
            _end += count;
            return count;
        }

        private void MakeRoom(int count)
        {
            int kept = _end - _start;
            byte[] from = _buffer!;
            byte[] into = from.Length - kept >= count ? from : ArrayPool<byte>.Shared.Rent(Math.Max(kept + count, 2 * from.Length));
            from.AsSpan(_start, kept).CopyTo(into);
            if (into != from)
                ArrayPool<byte>.Shared.Return(from);
            _buffer = into;
            _start = 0;
            _end = kept;
        }

        private void Drop()
        {
            // Whoever advances is on a thread of its own, and may be given up on by whoever completes.
            if (Interlocked.Exchange(ref _buffer, null) is { } buffer)
                ArrayPool<byte>.Shared.Return(buffer);
            _start = _end = 0;
            _unexamined = false;
        }
    }
}
