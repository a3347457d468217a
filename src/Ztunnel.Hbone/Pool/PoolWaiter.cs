using Ztunnel.IO;

namespace Ztunnel.Hbone.Pool;

/// <summary>An open that waits for a connection.</summary>
internal sealed class PoolWaiter(EventLoop loop, PooledConnection? except)
{
    private static readonly ChannelFailure TooLate = new(FailureKind.TimedOut, "no connection to the peer became available in time");

    private readonly ChannelWait _served = new(loop);
    private PoolLease? _lease;

    /// <summary>The connection it was refused on, which will not do.</summary>
    public PooledConnection? Except => except;

    /// <summary>Served, failed, or given up.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Ends the wait; the waiter runs before this returns.</summary>
    public void End(PoolLease lease)
    {
        if (IsOver)
            return;
        IsOver = true;
        _lease = lease;
        _served.Complete();
    }

    /// <summary>Waits to be served, no longer than <paramref name="timeout"/>.</summary>
    public async ValueTask<PoolLease> WaitAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            if (!IsOver)
            {
                using LoopTimer timer = loop.Schedule(
                    timeout, static state => ((PoolWaiter)state!).End(new PoolLease(null, TooLate)), this);
                await _served.WaitAsync(cancellationToken);
            }

            return _lease!.Value;
        }
        finally
        {
            IsOver = true;
        }
    }
}
