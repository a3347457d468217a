using System.Collections.Immutable;

namespace Ztunnel.Resources;

/// <summary>What one reading of a directory of manifests gave.</summary>
public sealed record DirectoryContents
{
    /// <summary>The objects, in the order of their keys.</summary>
    public required ImmutableArray<KubernetesObject> Objects { get; init; }

    /// <summary>The files read.</summary>
    public required ImmutableArray<SourceReport> Files { get; init; }

    /// <summary>Everything that is wrong in them.</summary>
    public IEnumerable<ResourceProblem> Problems => Files.SelectMany(file => file.Problems);
}
