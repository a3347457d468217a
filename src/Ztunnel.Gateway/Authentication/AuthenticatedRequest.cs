using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What the tokens of a request come to.</summary>
internal sealed record AuthenticatedRequest
{
    /// <summary>A request in which no token was looked for.</summary>
    public static readonly AuthenticatedRequest Anonymous = new();

    /// <summary>Why it is refused; null where it is not.</summary>
    public TokenRefusal? Refusal { get; init; }

    /// <summary>What a valid token says; null where there is none.</summary>
    public VerifiedToken? Token { get; init; }

    /// <summary>What to change in the headers before it is sent on.</summary>
    public ImmutableArray<RequestHeader> Headers { get; init; } = [];

    /// <summary>The query in place of its own, without a question mark; null where that stays.</summary>
    public string? Query { get; init; }
}
