using System.Collections.Immutable;

namespace Ztunnel.Resources;

/// <summary>The <see cref="ResourceInventory"/> at one moment.</summary>
public sealed record InventorySnapshot
{
    /// <summary>Whether everything that was there at the start has been read.</summary>
    public required bool Synced { get; init; }

    /// <summary>The files or other sources, by name.</summary>
    public required ImmutableArray<SourceReport> Sources { get; init; }

    /// <summary>The objects in use.</summary>
    public required ImmutableArray<ObjectStatus> Objects { get; init; }

    /// <summary>Everything that is wrong, by place.</summary>
    public required ImmutableArray<ResourceProblem> Problems { get; init; }

    /// <summary>What the status of Gateway API objects is to say, by object.</summary>
    public ImmutableArray<GatewayApiStatus> Statuses { get; init; } = [];

    /// <summary>How many objects of kinds that are not used there are, by <c>apiVersion kind</c>.</summary>
    public required ImmutableSortedDictionary<string, int> UnknownKinds { get; init; }
}

/// <summary>An object in use.</summary>
/// <param name="Key">Which it is.</param>
/// <param name="Origin">Where it stands.</param>
/// <param name="KeptLastGood">Whether it is in use as it was before a mistake was made in it.</param>
public sealed record ObjectStatus(ObjectKey Key, Origin Origin, bool KeptLastGood);
