using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// Which tokens requests may come with (Istio's RequestAuthentication). One that is invalid is refused; a request without is
/// let through, and it is for an <see cref="AuthorizationPolicy"/> to demand one.
/// </summary>
public sealed class RequestAuthentication : IPolicy
{
    /// <inheritdoc/>
    public required PolicyName Name { get; init; }

    /// <inheritdoc/>
    public required PolicyScope Scope { get; init; }

    /// <summary>Its rules.</summary>
    public ImmutableArray<JwtRule> Rules { get; init; } = [];

    /// <inheritdoc/>
    public ImmutableArray<PolicyAttachment> Attachments { get; init; } = [];

    /// <inheritdoc/>
    public bool Attached { get; init; }

    /// <inheritdoc/>
    public Enforcement Enforcement { get; init; } = Enforcement.None;

    /// <inheritdoc/>
    public ImmutableArray<string> Notes { get; init; } = [];
}
