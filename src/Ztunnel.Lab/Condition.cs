namespace Ztunnel.Lab;

/// <summary>Waits for something outside this process to become so, by looking again and again.</summary>
public static class Condition
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(10);

    /// <summary>Returns once <paramref name="met"/> does; throws <see cref="LabException"/> when <paramref name="timeout"/> passes before.</summary>
    public static Task Wait(Func<bool> met, TimeSpan timeout, Func<string> complaint, CancellationToken cancellationToken) =>
        Wait(() => Task.FromResult(met()), timeout, complaint, cancellationToken);

    /// <summary>As the other, for a condition that takes time to look at.</summary>
    public static async Task Wait(Func<Task<bool>> met, TimeSpan timeout, Func<string> complaint, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(met);
        ArgumentNullException.ThrowIfNull(complaint);
        using var timer = new PeriodicTimer(Interval);
        long start = TimeProvider.System.GetTimestamp();
        while (!await met())
        {
            if (TimeProvider.System.GetElapsedTime(start) > timeout)
                throw new LabException(complaint());
            await timer.WaitForNextTickAsync(cancellationToken);
        }
    }
}
