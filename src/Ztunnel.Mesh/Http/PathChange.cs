namespace Ztunnel.Mesh;

/// <summary>What becomes of a request's path when it is redirected or rewritten (Gateway API <c>HTTPPathModifier</c>). The query stays as it is.</summary>
public abstract record PathChange
{
    private PathChange()
    {
    }

    /// <summary>The new path of a request that came in by <paramref name="match"/>.</summary>
    public abstract string Apply(ReadOnlySpan<char> path, PathMatch match);

    /// <summary>The whole path becomes <paramref name="Path"/>.</summary>
    public sealed record Full(string Path) : PathChange
    {
        /// <inheritdoc/>
        public override string Apply(ReadOnlySpan<char> path, PathMatch match) => Path.Length == 0 ? "/" : Path;
    }

    /// <summary>The prefix that the rule matches by becomes <paramref name="Path"/>; the slash between it and the rest is kept, and there is never more than one.</summary>
    public sealed record Prefix(string Path) : PathChange
    {
        /// <inheritdoc/>
        public override string Apply(ReadOnlySpan<char> path, PathMatch match)
        {
            int matched = match is PathMatch.Prefix prefix ? prefix.Trimmed.Length : 0;
            ReadOnlySpan<char> rest = path[Math.Min(matched, path.Length)..];
            ReadOnlySpan<char> front = rest.IsEmpty ? Path : Path.AsSpan().TrimEnd('/');
            return front.IsEmpty && rest.IsEmpty ? "/" : string.Concat(front, rest);
        }
    }
}
