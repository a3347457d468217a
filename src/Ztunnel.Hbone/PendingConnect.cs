using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>A client's wait for the answer to a CONNECT.</summary>
internal sealed class PendingConnect(HboneStream stream) : IOpening
{
    private readonly ChannelWait _answered = new(stream.Loop);
    private ConnectOutcome? _outcome;

    /// <summary>Waits for the answer until <paramref name="timeout"/>.</summary>
    public async ValueTask<ConnectOutcome> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (_outcome is null)
        {
            using LoopTimer timer = stream.Loop.Schedule(timeout, static state => ((PendingConnect)state!).TimeOut(), this);
            await _answered.WaitAsync(cancellationToken);
        }

        return _outcome!;
    }

    /// <summary>The final answer arrived.</summary>
    public void Answer(int status)
    {
        stream.Opening = null;
        if (status is >= 200 and < 300)
        {
            stream.Connect();
            End(new ConnectOutcome.Opened(stream));
            return;
        }

        if (stream.RemoteEnded)
            stream.ShutdownWrite();
        stream.Dispose();
        End(new ConnectOutcome.Refused(status));
    }

    /// <inheritdoc/>
    public void Broken(ChannelFailure failure, bool processed)
    {
        stream.Opening = null;
        End(processed ? new ConnectOutcome.Failed(failure) : new ConnectOutcome.NotProcessed(failure));
    }

    private void TimeOut()
    {
        ChannelFailure failure = new(FailureKind.TimedOut, "the peer did not answer the CONNECT in time");
        stream.Opening = null;
        stream.Abort(failure);
        End(new ConnectOutcome.Failed(failure));
    }

    private void End(ConnectOutcome outcome)
    {
        _outcome ??= outcome;
        _answered.Complete();
    }
}
