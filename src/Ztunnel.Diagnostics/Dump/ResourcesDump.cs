namespace Ztunnel.Diagnostics;

/// <summary>What is read from the manifests and what is wrong with it, in <see cref="ConfigDump.Resources"/>.</summary>
public sealed record ResourcesDump
{
    /// <summary>Whether everything that was there at the start has been read.</summary>
    public required bool Synced { get; init; }

    /// <summary>The files or other sources, with the number of objects each gives.</summary>
    public required IReadOnlyDictionary<string, int> Sources { get; init; }

    /// <summary>Objects in use as they were before a mistake was made in them, as <c>Kind namespace/name</c>.</summary>
    public required IReadOnlyList<string> KeptLastGood { get; init; }

    /// <summary>Objects of kinds that are not used, by <c>apiVersion kind</c>.</summary>
    public required IReadOnlyDictionary<string, int> UnknownKinds { get; init; }

    /// <summary>Everything that is wrong, by place.</summary>
    public required IReadOnlyList<ProblemDump> Problems { get; init; }
}

/// <summary>Something wrong with an object read.</summary>
/// <param name="Source">The file it is in, with the line where known: <c>pods.yaml:12</c>.</param>
/// <param name="Object">The object, <c>Kind namespace/name</c>, where known.</param>
/// <param name="Field">The field, where known.</param>
/// <param name="Message">What is wrong.</param>
/// <param name="Remark">True where it costs nothing, and the object is used as it is.</param>
public sealed record ProblemDump(string Source, string? Object, string? Field, string Message, bool? Remark);
