using System.Collections.Immutable;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// What signs and what is trusted in the whole cluster: all replicas go by it, and the leader takes it from step to step. Kept in the
/// Secret <c>ztunnel-ca</c>, so that a rotation goes on wherever it was when a leader went away.
/// </summary>
internal sealed record AuthorityRecord
{
    /// <summary>What signs; null where its time is over.</summary>
    public required SigningMaterial? Signing { get; init; }

    /// <summary>What is to sign next, where the authority has made it itself.</summary>
    public SigningMaterial? Next { get; init; }

    /// <summary>All roots that are to be trusted.</summary>
    public required ImmutableArray<TrustedRoot> Roots { get; init; }

    /// <summary>The last wish for a new root that was followed: the value of <see cref="AuthoritySecret.RotateAnnotation"/>.</summary>
    public string? Followed { get; init; }

    /// <summary>Whether it was read with a time that is not written there yet, and that the next who reads it is to find.</summary>
    public bool IsUnwritten { get; init; }

    /// <summary>The roots as every namespace is to have them.</summary>
    public string Bundle => string.Concat(Roots.Select(root => TrustedRoot.Pem(root.Certificate)));

    /// <summary>Since when all these roots are told: how long there was to take them in.</summary>
    public DateTimeOffset Told => Roots.Max(root => root.Told);

    /// <summary>Whether every namespace is known to have these roots.</summary>
    public bool IsConfirmed => Roots.All(root => root.Since is not null);

    /// <summary>The same, once every namespace is known to have these roots.</summary>
    public AuthorityRecord Confirmed(DateTimeOffset now) =>
        IsConfirmed ? this : this with { Roots = [.. Roots.Select(root => root with { Since = root.Since ?? now })] };
}

/// <summary>A key from an operator, in the Secret <c>cacerts</c>.</summary>
/// <param name="Material">What is to sign.</param>
/// <param name="Roots">The roots that come with it, its own among them.</param>
/// <param name="Immediate">Whether it is to sign at once and nothing else to be trusted: the old key is in wrong hands.</param>
internal sealed record OfferedAuthority(SigningMaterial Material, ImmutableArray<ParsedCertificate> Roots, bool Immediate);
