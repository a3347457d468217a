namespace Ztunnel.Mesh;

/// <summary>What a request's path has to be. Paths are compared normalised (<see cref="HttpPath"/>), case minded, without query.</summary>
public abstract record PathMatch
{
    /// <summary>Every path.</summary>
    public static readonly PathMatch Everything = new Prefix("/");

    private PathMatch()
    {
    }

    /// <summary>Which goes first: the higher class, and within it the greater <see cref="Length"/> (Gateway API, HTTPRoute matches).</summary>
    internal abstract int Class { get; }

    /// <summary>How much of a path it names, in characters.</summary>
    internal abstract int Length { get; }

    /// <summary>Whether a path fits. Allocates nothing.</summary>
    public abstract bool Matches(ReadOnlySpan<char> path);

    /// <summary>That path and no other.</summary>
    public sealed record Exact(string Value) : PathMatch
    {
        internal override int Class => 3;

        internal override int Length => Value.Length;

        /// <inheritdoc/>
        public override bool Matches(ReadOnlySpan<char> path) => path.SequenceEqual(Value);

        /// <inheritdoc/>
        public override string ToString() => $"exact {Value}";
    }

    /// <summary>That path and what is below it, element by element; a slash at the end of <paramref name="Value"/> says nothing.</summary>
    public sealed record Prefix(string Value) : PathMatch
    {
        private readonly string _trimmed = Value.TrimEnd('/');

        internal override int Class => 2;

        internal override int Length => _trimmed.Length;

        /// <summary>The prefix without the slash at its end; empty for every path.</summary>
        public string Trimmed => _trimmed;

        /// <inheritdoc/>
        public override bool Matches(ReadOnlySpan<char> path) =>
            path.StartsWith(_trimmed, StringComparison.Ordinal) && (path.Length == _trimmed.Length || _trimmed.Length == 0 || path[_trimmed.Length] == '/');

        /// <summary>Whether both hold the same paths.</summary>
        public bool Equals(Prefix? other) => other is not null && string.Equals(_trimmed, other._trimmed, StringComparison.Ordinal);

        /// <inheritdoc/>
        public override int GetHashCode() => _trimmed.GetHashCode(StringComparison.Ordinal);

        /// <inheritdoc/>
        public override string ToString() => $"prefix {Value}";
    }

    /// <summary>A path that a regular expression fits as a whole. It goes after prefixes, as with Istio.</summary>
    public sealed record Expression(ValueMatch Value) : PathMatch
    {
        internal override int Class => 1;

        internal override int Length => Value.Value.Length;

        /// <inheritdoc/>
        public override bool Matches(ReadOnlySpan<char> path) => Value.Matches(path);

        /// <inheritdoc/>
        public override string ToString() => $"expression {Value.Value}";
    }

    /// <summary>A gRPC call, <c>/service/method</c>; null is any.</summary>
    public sealed record GrpcMethod(ValueMatch? Service, ValueMatch? Method) : PathMatch
    {
        // The service's length goes before the method's, and neither is as long as a path may be.
        private const int ServiceWeight = 1 << 12;

        internal override int Class => 3;

        internal override int Length => ((Service?.Value.Length ?? 0) * ServiceWeight) + (Method?.Value.Length ?? 0);

        /// <inheritdoc/>
        public override bool Matches(ReadOnlySpan<char> path)
        {
            if (path is not ['/', ..] || path[1..].IndexOf('/') is not (> 0 and var slash))
                return false;
            ReadOnlySpan<char> service = path.Slice(1, slash), method = path[(slash + 2)..];
            return !method.IsEmpty
                && !method.Contains('/')
                && (Service is null || Service.Matches(service))
                && (Method is null || Method.Matches(method));
        }

        /// <inheritdoc/>
        public override string ToString() => $"call {Service?.ToString() ?? "*"}/{Method?.ToString() ?? "*"}";
    }
}
