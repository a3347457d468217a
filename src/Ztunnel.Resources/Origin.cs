namespace Ztunnel.Resources;

/// <summary>Where an object stands.</summary>
/// <param name="Source">The file's name within its directory.</param>
/// <param name="Line">The line at which the object begins, counted from 1; 0 for a source without lines.</param>
public sealed record Origin(string Source, int Line)
{
    /// <summary>The form messages use: <c>services.yaml:3</c>.</summary>
    public override string ToString() => Line == 0 ? Source : $"{Source}:{Line}";
}
