namespace Ztunnel.Diagnostics;

/// <summary>Something wrong with an object read, in <see cref="ConfigDump.Problems"/>.</summary>
/// <param name="Source">The file it is in, with the line where known: <c>pods.yaml:12</c>.</param>
/// <param name="Object">The object, <c>Kind namespace/name</c>, where known.</param>
/// <param name="Field">The field, where known.</param>
/// <param name="Message">What is wrong.</param>
public sealed record ProblemDump(string Source, string? Object, string? Field, string Message);
