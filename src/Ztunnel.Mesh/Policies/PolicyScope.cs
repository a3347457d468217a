namespace Ztunnel.Mesh;

/// <summary>Which workloads a policy is about.</summary>
/// <param name="Namespace">Those of this namespace; null for those of every namespace.</param>
/// <param name="Selector">Of those the ones that carry all these labels; all of them when it is empty.</param>
public sealed record PolicyScope(string? Namespace, StringMap Selector)
{
    /// <summary>Whether the policy names labels, rather than being about everything in its reach.</summary>
    public bool Selective => Selector.Count > 0;

    /// <summary>Whether a workload is one of those.</summary>
    public bool Includes(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        return (Namespace is null || string.Equals(Namespace, workload.Namespace, StringComparison.Ordinal)) && workload.Labels.Matches(Selector);
    }

    /// <summary>The scope as Istio names it: <c>Global</c>, <c>Namespace</c> or <c>WorkloadSelector</c>.</summary>
    public override string ToString() => Selective ? "WorkloadSelector" : Namespace is null ? "Global" : "Namespace";
}
