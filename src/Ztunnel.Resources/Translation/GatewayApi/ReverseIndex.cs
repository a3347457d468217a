namespace Ztunnel.Resources;

/// <summary>Who refers to what, the other way round.</summary>
internal sealed class ReverseIndex<TTarget, TReferrer>(IEqualityComparer<TTarget>? comparer = null)
    where TTarget : notnull
{
    private readonly Dictionary<TTarget, HashSet<TReferrer>> _referrers = new(comparer);

    /// <summary>Everything that is referred to.</summary>
    public IEnumerable<TTarget> Targets => _referrers.Keys;

    /// <summary>Who refers to <paramref name="target"/>.</summary>
    public IEnumerable<TReferrer> Of(TTarget target) => _referrers.GetValueOrDefault(target) ?? [];

    public void Add(TReferrer referrer, IEnumerable<TTarget> targets)
    {
        foreach (TTarget target in targets)
        {
            if (!_referrers.TryGetValue(target, out HashSet<TReferrer>? referrers))
                _referrers.Add(target, referrers = []);
            referrers.Add(referrer);
        }
    }

    public void Remove(TReferrer referrer, IEnumerable<TTarget> targets)
    {
        foreach (TTarget target in targets)
        {
            if (_referrers.TryGetValue(target, out HashSet<TReferrer>? referrers) && referrers.Remove(referrer) && referrers.Count == 0)
                _referrers.Remove(target);
        }
    }
}
