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

    public static ResourceProblem Unreadable(string source, string why) => new() { Source = source, Message = why };
}
