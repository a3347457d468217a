namespace Ztunnel.Resources;

/// <summary>The wording of problems that are about files rather than fields.</summary>
internal static class ManifestProblems
{
    public static ResourceProblem Duplicate(Origin second, ObjectKey key, Origin first) => new()
    {
        Source = second.Source,
        Line = second.Line,
        Object = key.ToString(),
        Message = $"is already defined in {first}, which is used; this one is left out",
    };

    /// <summary>For an object that is missing where one of its name and of no known kind is new, at <paramref name="place"/>.</summary>
    public static ResourceProblem Misspelt(ResourceProblem place, ObjectKey missing) => place with
    {
        Object = missing.ToString(),
        Message = $"{place.Message} is not a kind that is used, and {missing} is gone from this file: taken for a misspelling, so it stays as it was. "
            + "If it is to go, take both out first",
    };

    public static ResourceProblem Unreadable(string source, string why) => new() { Source = source, Message = why };
}
