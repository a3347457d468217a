using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>WorkloadEntry</c> of Istio's, something outside the cluster that ServiceEntries select as they do pods.</summary>
public sealed record WorkloadEntryObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.WorkloadEntry;

    /// <summary>Where it is, and its labels.</summary>
    public required EntryEndpoint Endpoint { get; init; }

    /// <summary>The fields it has that nothing comes of, by their paths.</summary>
    public ValueArray<string> NotEnforced { get; init; } = [];
}
