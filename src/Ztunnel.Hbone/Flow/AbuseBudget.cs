namespace Ztunnel.Hbone.Flow;

/// <summary>
/// A token bucket: how much of something harmless in small numbers a peer may do. Real work the peer does refunds it, so
/// that only chatter without substance runs it dry.
/// </summary>
internal struct AbuseBudget(int burst, int perSecond, uint now)
{
    private readonly int _burst = burst;
    private int _left = burst;
    private uint _refilledAt = now;

    /// <summary>Spends <paramref name="cost"/>; false when the budget is exhausted. <paramref name="now"/> is in milliseconds of a clock that may wrap.</summary>
    public bool TrySpend(int cost, uint now)
    {
        if (cost > _left)
            Refill(now);
        if (cost > _left)
            return false;
        _left -= cost;
        return true;
    }

    /// <summary>True if anything is left to spend.</summary>
    public bool HasAny(uint now)
    {
        if (_left <= 0)
            Refill(now);
        return _left > 0;
    }

    /// <summary>Gives <paramref name="amount"/> back.</summary>
    public void Refund(int amount) => _left = Math.Min(_left + amount, _burst);

    // Refilled only when it runs dry: a burst is then forgiven for all the quiet time before it, which the cap bounds.
    private void Refill(uint now)
    {
        long earned = Math.Min((long)(now - _refilledAt) * perSecond / 1000, _burst);
        if (earned <= 0)
            return;
        bool isFull = _left + earned > _burst;
        _left = isFull ? _burst : _left + (int)earned;

        // What did not make a whole one yet is not lost.
        _refilledAt = isFull ? now : _refilledAt + (uint)(earned * 1000 / perSecond);
    }
}
