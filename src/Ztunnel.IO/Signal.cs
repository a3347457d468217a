using System.Threading.Channels;

namespace Ztunnel.IO;

/// <summary>Wakes one waiter; being set more than once before it looks is being set once.</summary>
public sealed class Signal
{
    private readonly Channel<bool> _set = System.Threading.Channels.Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    /// <summary>Sets it. Safe from any thread; nothing of the waiter runs on it.</summary>
    public void Set() => _set.Writer.TryWrite(true);

    /// <summary>Returns when it is set, which resets it, or when <paramref name="timeout"/> has passed.</summary>
    public async Task Wait(TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
    {
        using var timer = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timer.Token, cancellationToken);
        try
        {
            await _set.Reader.ReadAsync(either.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            // The time has passed.
        }
    }
}
