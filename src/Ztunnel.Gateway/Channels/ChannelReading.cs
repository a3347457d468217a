using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// The reading side of a channel, and with it the way to let go of the channel without losing what was written: a TCP close
/// with bytes unread answers with RST, which may overtake the last bytes. So our side is ended first, and what the peer still
/// sends is thrown away, for a while.
/// </summary>
internal abstract class ChannelReading<T>(Channel channel) : ChannelOperation<T>(channel)
{
    private const int MostDiscarded = 256 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);
    private static readonly ChannelFailure Closed = new(FailureKind.Closed, "closed");

    private LoopTimer? _deadline;
    private int _discarded;
    private bool _closing;

    /// <summary>Ends our side and closes the channel once the peer has ended too, or has had enough time. From any thread.</summary>
    public void Close()
    {
        if (Channel.Loop.IsCurrent)
            CloseOnLoop();
        else
            Channel.Loop.Post(static state => ((ChannelReading<T>)state!).CloseOnLoop(), this);
    }

    /// <inheritdoc/>
    protected override ValueTask Wait() => Channel.WaitForReadAsync();

    /// <inheritdoc/>
    protected override Exception Stopped() => new ChannelException(new ChannelFailure(FailureKind.Closed, "the event loop stopped"));

    /// <inheritdoc/>
    protected override void Noticed()
    {
        if (_closing)
            Discard();
    }

    private void CloseOnLoop()
    {
        if (_closing)
            return;
        _closing = true;
        Fail(new ChannelException(Closed));
        if (Channel.Failure is not null)
        {
            Channel.Dispose();
            return;
        }

        _deadline = Channel.Loop.Schedule(Patience, static state => ((Channel)state!).Abort(Closed), Channel);
        Channel.ShutdownWrite();
        Discard();
    }

    private void Discard()
    {
        while (_discarded < MostDiscarded)
        {
            ReadStatus status = Channel.TryRead(out Chunk chunk);
            if (status is ReadStatus.End or ReadStatus.Failed)
                break;
            if (status == ReadStatus.Data)
            {
                _discarded += chunk.Length;
                Channel.Consume(chunk.Length);
            }
            else if (Watch())
            {
                return;
            }
        }

        _deadline?.Dispose();
        Channel.Dispose();
    }
}
