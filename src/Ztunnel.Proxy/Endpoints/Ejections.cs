using System.Collections.Concurrent;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>
/// Which endpoints are passed over because connects to them keep failing: passively learnt from the connections there are, by
/// all loops together. Asking takes no lock and costs next to nothing while no endpoint is in trouble.
/// </summary>
internal sealed class Ejections(EjectionOptions options, TimeProvider time)
{
    private const double FirstShare = 0.1;

    private readonly Lock _writing = new();
    private readonly ConcurrentDictionary<Endpoint, Trouble> _troubles = new();
    private volatile int _count;
    private long _swept = time.GetTimestamp();

    /// <summary>
    /// How much of its share of new connections an endpoint should get: 1 for a sound one, 0 for one that is passed over, and
    /// growing between for one that returns.
    /// </summary>
    public double ShareOf(Endpoint endpoint)
    {
        if (_count == 0)
            return 1;
        long now = time.GetTimestamp();
        SweepUnlessBusy(now);
        return _troubles.TryGetValue(endpoint, out Trouble? trouble) ? ShareAt(trouble, now) : 1;
    }

    /// <summary>A connect to it failed, by no fault of ours.</summary>
    public void Failed(Endpoint endpoint)
    {
        lock (_writing)
        {
            long now = time.GetTimestamp();
            Sweep(now);
            Trouble? former = _troubles.GetValueOrDefault(endpoint);
            if (former is null || IsForgotten(former, now))
                former = new Trouble(0, 0, now, now);
            // What was under way when it was ejected says nothing new.
            if (former.Ejections > 0 && now < former.Until)
                return;
            int failures = former.Failures + 1;
            bool eject = former.Ejections > 0 || failures >= options.Failures;
            _troubles[endpoint] = eject
                ? new Trouble(failures, former.Ejections + 1, now + Ticks(TermOf(former.Ejections)), now)
                : new Trouble(failures, 0, now, now);
            _count = _troubles.Count;
        }
    }

    /// <summary>A connect to it succeeded.</summary>
    public void Succeeded(Endpoint endpoint)
    {
        if (_count == 0 || !_troubles.ContainsKey(endpoint))
            return;
        lock (_writing)
        {
            long now = time.GetTimestamp();
            if (_troubles.TryGetValue(endpoint, out Trouble? trouble))
            {
                if (trouble.Ejections == 0 || IsForgotten(trouble, now))
                    _troubles.TryRemove(endpoint, out _);
                else if (now < trouble.Until)
                    _troubles[endpoint] = trouble with { Until = now };
            }

            _count = _troubles.Count;
        }
    }

    /// <summary>The endpoints in trouble now, in no order.</summary>
    public IReadOnlyList<EjectionSnapshot> Snapshot()
    {
        lock (_writing)
        {
            long now = time.GetTimestamp();
            DateTimeOffset utcNow = time.GetUtcNow();
            Sweep(now);
            return
            [
                .. _troubles.Where(entry => !IsForgotten(entry.Value, now)).Select(entry => new EjectionSnapshot(
                    entry.Key,
                    entry.Value.Failures,
                    entry.Value.Until > now ? utcNow + time.GetElapsedTime(now, entry.Value.Until) : null,
                    ShareAt(entry.Value, now))),
            ];
        }
    }

    private double ShareAt(Trouble trouble, long now)
    {
        if (trouble.Ejections == 0)
            return 1;
        if (now < trouble.Until)
            return 0;
        double back = time.GetElapsedTime(trouble.Until, now) / options.Return;
        return back >= 1 ? 1 : FirstShare + ((1 - FirstShare) * back);
    }

    private TimeSpan TermOf(int earlierEjections)
    {
        TimeSpan term = options.First * Math.Pow(2, Math.Min(earlierEjections, 20));
        return term < options.Most ? term : options.Most;
    }

    private bool IsForgotten(Trouble trouble, long now) => time.GetElapsedTime(Math.Max(trouble.Until, trouble.LastFailure), now) > options.Return;

    /// <summary>The same for who cannot wait: somebody else is at it, or will be asked soon.</summary>
    private void SweepUnlessBusy(long now)
    {
        if (!IsSweepDue(now) || !_writing.TryEnter())
            return;
        try
        {
            Sweep(now);
        }
        finally
        {
            _writing.Exit();
        }
    }

    private bool IsSweepDue(long now) => time.GetElapsedTime(Volatile.Read(ref _swept), now) >= options.Return;

    // Endpoints that went away would stay here for ever, at the cost of all others: nobody asks for them again.
    private void Sweep(long now)
    {
        if (!IsSweepDue(now))
            return;
        Volatile.Write(ref _swept, now);
        foreach (KeyValuePair<Endpoint, Trouble> entry in _troubles)
        {
            if (IsForgotten(entry.Value, now))
                _troubles.TryRemove(entry);
        }

        _count = _troubles.Count;
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);

    private sealed record Trouble(int Failures, int Ejections, long Until, long LastFailure);
}
