namespace Ztunnel.Mesh;

/// <summary>
/// Policies by name and by whom they select. Finding those of a workload costs what selects it or shares one label with it,
/// not how many there are.
/// </summary>
internal sealed class SelectorIndex<T>
    where T : class, IPolicy
{
    private readonly Dictionary<PolicyName, T> _everyones = [];

    // By one entry of the selector, which a workload must carry to be selected.
    private readonly Dictionary<KeyValuePair<string, string>, Dictionary<PolicyName, T>> _selective = [];

    public bool IsEmpty => _everyones.Count == 0 && _selective.Count == 0;

    /// <summary>Policies about every workload in their reach.</summary>
    public IReadOnlyCollection<T> Everyones => _everyones.Values;

    public void Add(T policy)
    {
        if (!policy.Scope.Selective)
        {
            _everyones.Add(policy.Name, policy);
            return;
        }

        KeyValuePair<string, string> entry = policy.Scope.Selector.Entries[0];
        if (!_selective.TryGetValue(entry, out Dictionary<PolicyName, T>? sharing))
            _selective.Add(entry, sharing = []);
        sharing.Add(policy.Name, policy);
    }

    public void Remove(T policy)
    {
        if (!policy.Scope.Selective)
        {
            _everyones.Remove(policy.Name);
            return;
        }

        KeyValuePair<string, string> entry = policy.Scope.Selector.Entries[0];
        Dictionary<PolicyName, T> sharing = _selective[entry];
        sharing.Remove(policy.Name);
        if (sharing.Count == 0)
            _selective.Remove(entry);
    }

    /// <summary>Policies that select a workload with these labels by one or more of them.</summary>
    public IEnumerable<T> Selecting(StringMap labels) => _selective.Count == 0
        ? []
        : labels.Entries.SelectMany(entry => _selective.TryGetValue(entry, out Dictionary<PolicyName, T>? sharing)
            ? sharing.Values.Where(policy => labels.Matches(policy.Scope.Selector))
            : []);
}
