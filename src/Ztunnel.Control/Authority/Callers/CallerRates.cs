namespace Ztunnel.Control;

/// <summary>How often a caller may ask: so many at once, and then so many a second.</summary>
internal readonly record struct CallRate(double PerSecond, double Burst);

/// <summary>Holds each caller to its rate, so that one that has gone mad leaves the authority to the others.</summary>
/// <param name="time">The clock.</param>
/// <param name="mostKept">How many callers are told apart; those who come when there is no room share a rate.</param>
internal sealed class CallerRates(TimeProvider time, int mostKept = 20_000)
{
    private const string Others = "";
    private static readonly TimeSpan Sweep = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Bucket> _buckets = new(StringComparer.Ordinal);
    private long? _swept;

    /// <summary>Takes one call of <paramref name="caller"/>'s; false where it has none left now.</summary>
    public bool TryTake(string caller, CallRate rate)
    {
        long now = time.GetTimestamp();
        lock (_gate)
        {
            if (!_buckets.TryGetValue(caller, out Bucket? bucket))
            {
                if (_buckets.Count >= mostKept)
                    Forget(now);
                caller = _buckets.Count < mostKept ? caller : Others;
                if (!_buckets.TryGetValue(caller, out bucket))
                    _buckets[caller] = bucket = new Bucket(rate, now);
            }

            bucket.Fill(rate, time.GetElapsedTime(bucket.At, now), now);
            return bucket.TryTake();
        }
    }

    /// <summary>Gives a call back that has come to nothing.</summary>
    public void GiveBack(string caller)
    {
        lock (_gate)
            (_buckets.GetValueOrDefault(caller) ?? _buckets.GetValueOrDefault(Others))?.GiveBack();
    }

    // A full bucket is as good as none. They are looked through now and then only: whoever comes under ever new names is to pay for it.
    private void Forget(long now)
    {
        if (_swept is { } swept && time.GetElapsedTime(swept, now) < Sweep)
            return;
        _swept = now;
        foreach ((string caller, Bucket bucket) in _buckets)
        {
            bucket.Fill(bucket.Rate, time.GetElapsedTime(bucket.At, now), now);
            if (bucket.IsFull)
                _buckets.Remove(caller);
        }
    }

    private sealed class Bucket(CallRate rate, long at)
    {
        private double _left = rate.Burst;

        public CallRate Rate { get; private set; } = rate;

        public long At { get; private set; } = at;

        public bool IsFull => _left >= Rate.Burst;

        public void Fill(CallRate rate, TimeSpan passed, long now)
        {
            Rate = rate;
            _left = Math.Min(rate.Burst, _left + (passed.TotalSeconds * rate.PerSecond));
            At = now;
        }

        public void GiveBack() => _left++;

        public bool TryTake()
        {
            if (_left < 1)
                return false;
            _left--;
            return true;
        }
    }
}
