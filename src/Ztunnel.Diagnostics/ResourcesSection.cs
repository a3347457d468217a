using Ztunnel.Resources;

namespace Ztunnel.Diagnostics;

/// <summary>The inventory of manifests in the shape of the dump.</summary>
internal static class ResourcesSection
{
    public static ResourcesDump Describe(InventorySnapshot inventory) => new()
    {
        Synced = inventory.Synced,
        Sources = inventory.Sources.ToDictionary(source => source.Name, source => source.ObjectCount, StringComparer.Ordinal),
        KeptLastGood = [.. inventory.Objects.Where(status => status.KeptLastGood).Select(status => status.Key.ToString())],
        UnknownKinds = inventory.UnknownKinds,
        Problems = [.. inventory.Problems.Select(Describe)],
    };

    private static ProblemDump Describe(ResourceProblem problem) =>
        new(new Origin(problem.Source, problem.Line).ToString(), problem.Object, problem.Field, problem.Message, problem.IsRemark ? true : null);
}
