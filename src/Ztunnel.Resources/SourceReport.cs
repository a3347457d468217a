using System.Collections.Immutable;

namespace Ztunnel.Resources;

/// <summary>The state of one part of a source of objects, such as one file of a directory.</summary>
public sealed record SourceReport
{
    /// <summary>The part, as <see cref="Origin.Source"/> names it.</summary>
    public required string Name { get; init; }

    /// <summary>Whether it is still there; the last report of a file that was deleted says no.</summary>
    public bool Exists { get; init; } = true;

    /// <summary>How many objects it gives.</summary>
    public int ObjectCount { get; init; }

    /// <summary>Those of the objects that are in use as they were before a mistake was made.</summary>
    public ImmutableArray<ObjectKey> Kept { get; init; } = [];

    /// <summary>Everything that is wrong with it.</summary>
    public ImmutableArray<ResourceProblem> Problems { get; init; } = [];

    /// <summary>How many objects of kinds that are not used it holds, by <c>apiVersion kind</c>; they are left alone.</summary>
    public ImmutableSortedDictionary<string, int> UnknownKinds { get; init; } = ImmutableSortedDictionary<string, int>.Empty;

    /// <summary>Whether both say the same.</summary>
    public bool Equals(SourceReport? other) =>
        ReferenceEquals(this, other)
        || (other is not null
            && string.Equals(Name, other.Name, StringComparison.Ordinal)
            && Exists == other.Exists
            && ObjectCount == other.ObjectCount
            && Kept.AsSpan().SequenceEqual(other.Kept.AsSpan())
            && Problems.AsSpan().SequenceEqual(other.Problems.AsSpan())
            && UnknownKinds.SequenceEqual(other.UnknownKinds));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Name, Exists, ObjectCount, Problems.Length);
}
