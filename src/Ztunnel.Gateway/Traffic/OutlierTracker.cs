using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Leaves out endpoints of one port of a service that fail, for a while (Envoy's outlier detection by consecutive errors). A lock
/// is taken only where one is left out or may return. Who may return is looked for once an interval, by whoever comes first.
/// </summary>
/// <param name="time">The clock.</param>
/// <param name="endpoints">Where the endpoints are that there are now.</param>
internal sealed class OutlierTracker(TimeProvider time, Func<IEnumerable<IPEndPoint>> endpoints)
{
    /// <summary>The longest an endpoint is left out, unless the first time is longer already: Envoy's <c>max_ejection_time</c>.</summary>
    private static readonly TimeSpan LongestEjection = TimeSpan.FromSeconds(300);

    /// <summary>Longer than any gateway runs, and no more than a clock can count.</summary>
    private static readonly TimeSpan Forever = TimeSpan.FromDays(3650);

    private readonly ConcurrentDictionary<IPEndPoint, EndpointHealth> _seen = new();
    private readonly Lock _deciding = new();
    private FrozenSet<IPEndPoint>? _out;
    private long _nextLook = long.MaxValue;
    private long _lastLook;
    private long _ejected;

    /// <summary>How many times an endpoint was left out.</summary>
    public long Ejected => Volatile.Read(ref _ejected);

    /// <summary>What has been seen of an endpoint.</summary>
    public EndpointHealth Of(IPEndPoint address) => _seen.GetOrAdd(address, static address => new EndpointHealth(address));

    /// <summary>The endpoints that are left out now; null for none.</summary>
    public FrozenSet<IPEndPoint>? LeftOut(OutlierDetection rules)
    {
        if (Volatile.Read(ref _nextLook) <= time.GetTimestamp())
            Look(rules);
        return Volatile.Read(ref _out);
    }

    /// <summary>An endpoint answered.</summary>
    public void Answered(EndpointHealth endpoint, int status, OutlierDetection rules)
    {
        if (rules.SplitLocalErrors)
            endpoint.Reached(true);
        (int server, int gateway) = endpoint.Answered(status);
        if (Reaches(server, rules.Consecutive5xxErrors) || Reaches(gateway, rules.ConsecutiveGatewayErrors))
            Eject(endpoint, rules);
    }

    /// <summary>An endpoint did not answer: it could not be connected to, broke off, or took too long.</summary>
    public void Failed(EndpointHealth endpoint, bool tookTooLong, OutlierDetection rules)
    {
        if (!rules.SplitLocalErrors)
            Answered(endpoint, tookTooLong ? 504 : 503, rules);
        else if (Reaches(endpoint.Reached(false), rules.ConsecutiveLocalErrors))
            Eject(endpoint, rules);
    }

    /// <summary>The endpoints that are left out, with how long still and how many times in a row.</summary>
    public IReadOnlyList<(IPEndPoint Address, TimeSpan Left, int Times)> Snapshot(OutlierDetection rules)
    {
        LeftOut(rules);
        lock (_deciding)
        {
            long now = time.GetTimestamp();
            return
            [
                .. _seen.Values
                    .Where(endpoint => endpoint.Until is not null)
                    .Select(endpoint => (endpoint.Address, Larger(time.GetElapsedTime(now, endpoint.Until!.Value), TimeSpan.Zero), endpoint.Ejections)),
            ];
        }
    }

    private static bool Reaches(int count, int limit) => limit > 0 && count >= limit;

    private static TimeSpan Larger(TimeSpan a, TimeSpan b) => a > b ? a : b;

    /// <summary>How long an endpoint is left out the <paramref name="times"/>th time in a row.</summary>
    private static TimeSpan TimeOut(TimeSpan first, int times)
    {
        if (first >= LongestEjection)
            return first;
        TimeSpan wanted = first * times;
        return wanted < LongestEjection ? wanted : LongestEjection;
    }

    private long After(long from, TimeSpan span) =>
        from + (long)(Math.Min(span.TotalSeconds, Forever.TotalSeconds) * time.TimestampFrequency);

    private void Eject(EndpointHealth endpoint, OutlierDetection rules)
    {
        lock (_deciding)
        {
            if (endpoint.Until is not null)
                return;
            HashSet<IPEndPoint> there = [.. endpoints()];
            int others = _seen.Values.Count(seen => seen.Until is not null && there.Contains(seen.Address));
            if (others > 0 && (others + 1) * 100L > (long)rules.MaxEjectionPercent * there.Count)
                return;
            endpoint.Forget();
            endpoint.Ejections++;
            long now = time.GetTimestamp();
            endpoint.Until = After(now, TimeOut(rules.BaseEjectionTime, endpoint.Ejections));
            _ejected++;
            if (_nextLook == long.MaxValue)
            {
                _lastLook = now;
                Volatile.Write(ref _nextLook, After(now, rules.Interval));
            }

            Publish(there, rules);
        }
    }

    /// <summary>Lets return who has been left out for long enough, and forgives those who were well since they returned.</summary>
    private void Look(OutlierDetection rules)
    {
        lock (_deciding)
        {
            long now = time.GetTimestamp();
            if (_nextLook > now)
                return;
            int quietIntervals = Math.Max(1, (int)(time.GetElapsedTime(_lastLook, now) / Larger(rules.Interval, TimeSpan.FromMilliseconds(1))));
            bool watching = false;
            foreach (EndpointHealth endpoint in _seen.Values.Where(endpoint => endpoint.Ejections > 0))
            {
                if (endpoint.Until is null)
                    endpoint.Ejections = Math.Max(0, endpoint.Ejections - quietIntervals);
                else if (endpoint.Until <= now)
                    endpoint.Until = null;
                watching |= endpoint.Ejections > 0;
            }

            HashSet<IPEndPoint> there = [.. endpoints()];
            foreach (IPEndPoint gone in _seen.Where(seen => seen.Value.Ejections == 0 && !there.Contains(seen.Key)).Select(seen => seen.Key))
                _seen.TryRemove(gone, out _);
            Publish(there, rules);
            _lastLook = now;
            Volatile.Write(ref _nextLook, watching ? After(now, rules.Interval) : long.MaxValue);
        }
    }

    /// <summary>Makes known who is left out: nobody, where too few would be left.</summary>
    private void Publish(HashSet<IPEndPoint> there, OutlierDetection rules)
    {
        FrozenSet<IPEndPoint> ejected = _seen.Values.Where(endpoint => endpoint.Until is not null).Select(endpoint => endpoint.Address).ToFrozenSet();
        int left = there.Count - ejected.Count(there.Contains);
        bool tooFew = left * 100L < (long)rules.MinHealthPercent * there.Count;
        Volatile.Write(ref _out, ejected.Count == 0 || tooFew ? null : ejected);
    }
}
