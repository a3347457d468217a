namespace Ztunnel.Kubernetes;

/// <summary>Waits that double from one to the next, each spread by half so that many clients do not come back at once. Not safe from several threads.</summary>
/// <param name="first">The longest the first wait may be.</param>
/// <param name="longest">The longest any may be.</param>
/// <param name="random">What spreads them; null for the usual.</param>
public sealed class Backoff(TimeSpan first, TimeSpan longest, Random? random = null)
{
    private readonly Random _random = random ?? Random.Shared;
    private int _failures;

    /// <summary>The next wait, and at least <paramref name="atLeast"/>.</summary>
    public TimeSpan Next(TimeSpan? atLeast = null)
    {
        TimeSpan full = first * Math.Pow(2, Math.Min(_failures++, 20));
        full = full < longest ? full : longest;
        TimeSpan delay = full * (0.5 + (_random.NextDouble() / 2));
        // A server that names a time names the same one to everybody.
        return atLeast is { } floor && floor > delay ? floor + (first * _random.NextDouble()) : delay;
    }

    /// <summary>Begins anew, after a success.</summary>
    public void Reset() => _failures = 0;
}
