using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>
/// How many connections a pod may have one way, and how quickly it may make them: a token bucket of one second, kept as the
/// time at which it will be full. Safe from any thread, without a lock.
/// </summary>
internal sealed class ConnectionQuota(WorkloadLimits limits, BufferAccount memory, TimeProvider time)
{
    private readonly long _interval = limits.ConnectionsPerSecond > 0 ? Math.Max(time.TimestampFrequency / limits.ConnectionsPerSecond, 1) : 0;
    private long _full;
    private int _open;

    /// <summary>Connections open now.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>
    /// Counts a connection, to be taken off by <see cref="Leave"/>; or tells, in a line for the log that begins with the
    /// <see cref="LimitReason"/>, why there may not be one more.
    /// </summary>
    public string? TryEnter()
    {
        if (Interlocked.Increment(ref _open) > limits.Connections && limits.Connections > 0)
            return Refuse($"{LimitReason.TooManyConnections}: the workload has {limits.Connections} open, which is its limit");
        if (memory.IsOver)
            return Refuse(OverMemory(limits));
        return TryTakeToken()
            ? null
            : Refuse($"{LimitReason.ConnectionRateExceeded}: the workload may make {limits.ConnectionsPerSecond} a second");
    }

    /// <summary>Counts a connection that was let in before, by another process.</summary>
    public void Return() => Interlocked.Increment(ref _open);

    /// <summary>A connection that was counted is over.</summary>
    public void Leave() => Interlocked.Decrement(ref _open);

    /// <summary>What the log says of a connection that was refused or ended because too much is held.</summary>
    public static string OverMemory(WorkloadLimits limits) =>
        $"{LimitReason.MemoryLimit}: more than {limits.HeldBytes} bytes are held for the workload's receivers, which is its limit";

    private string Refuse(string reason)
    {
        Leave();
        return reason;
    }

    private bool TryTakeToken()
    {
        if (_interval == 0)
            return true;
        long now = time.GetTimestamp();
        while (true)
        {
            long full = Volatile.Read(ref _full);
            long next = Math.Max(full, now) + _interval;
            if (next - now > time.TimestampFrequency)
                return false;
            if (Interlocked.CompareExchange(ref _full, next, full) == full)
                return true;
        }
    }
}
