namespace Ztunnel.Mesh;

/// <summary>
/// A workload appeared (<paramref name="Old"/> is null), changed, or went (<paramref name="New"/> is null). Both have the same
/// <see cref="Workload.Uid"/> when both are there.
/// </summary>
public sealed record WorkloadChange(Workload? Old, Workload? New)
{
    /// <summary>The workload concerned, in its newest form.</summary>
    public Workload Subject => New ?? Old ?? throw new InvalidOperationException("A change has an old or a new workload.");
}
