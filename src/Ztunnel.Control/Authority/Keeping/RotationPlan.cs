using System.Collections.Immutable;
using Ztunnel.Identity;

namespace Ztunnel.Control;

/// <summary>
/// The steps by which another key comes to sign without an outage: its root is trusted everywhere, then it signs, and the old root
/// goes when nothing valid is left under it. Pure: each step follows from what is kept, what is offered and the time.
/// </summary>
/// <param name="propagation">How long a root is known to be in every namespace before a key under it signs.</param>
/// <param name="maxLifetime">How long at most what was signed is valid.</param>
internal sealed class RotationPlan(TimeSpan propagation, TimeSpan maxLifetime)
{
    /// <summary>The part of its own root's life that is left when the authority begins the next.</summary>
    private const double RenewalPart = 0.2;

    /// <summary>How long an old root is trusted after another key signs: replicas take a moment to see that it does.</summary>
    public TimeSpan Retirement => maxLifetime + propagation;

    /// <summary>What is to be kept next; the same object where nothing changes.</summary>
    /// <param name="kept">What is kept; null where there is nothing yet.</param>
    /// <param name="offered">The operator's key; null where there is none.</param>
    /// <param name="wish">An operator's wish for a new root of the authority's own; any value that was not followed yet is one.</param>
    /// <param name="makeRoot">Makes a key with a root of its own.</param>
    /// <param name="now">The time.</param>
    public AuthorityRecord Next(
        AuthorityRecord? kept, OfferedAuthority? offered, string? wish, Func<SigningMaterial> makeRoot, DateTimeOffset now)
    {
        if (kept is null)
        {
            // Nobody trusts anything else yet, so there is nothing to wait for.
            SigningMaterial first = offered?.Material ?? makeRoot();
            ImmutableArray<ParsedCertificate> roots = offered?.Roots ?? [first.Root];
            return new AuthorityRecord { Signing = first, Roots = [.. roots.Select(root => new TrustedRoot(root, now, now, null))], Followed = wish };
        }

        AuthorityRecord record = offered is null ? Own(kept, wish, makeRoot, now) : kept with { Next = null };
        SigningMaterial wanted = offered?.Material ?? record.Next ?? record.Signing!;
        ImmutableArray<ParsedCertificate> wantedRoots = offered?.Roots ?? [wanted.Root];
        record = record with { Roots = Trusted(record, wantedRoots, now) };
        if (record.Signing is { } signing && signing.IsSame(wanted))
            return Cut(record with { Next = null }, kept, offered);
        if (!MaySign(record, wanted, offered, now))
            return Same(record, kept);
        record = record with { Signing = wanted, Next = null };
        return Cut(record with { Roots = Trusted(record, wantedRoots, now) }, kept, offered);
    }

    private static AuthorityRecord Own(AuthorityRecord kept, string? wish, Func<SigningMaterial> makeRoot, DateTimeOffset now)
    {
        if (kept.Next is not null)
            return kept;
        bool wished = wish is not null && !string.Equals(wish, kept.Followed, StringComparison.Ordinal);
        return wished || kept.Signing is null || IsDue(kept.Signing, now) ? kept with { Next = makeRoot(), Followed = wish } : kept;
    }

    private static bool IsDue(SigningMaterial signing, DateTimeOffset now) =>
        signing.NotAfter - now < (signing.NotAfter - signing.NotBefore) * RenewalPart;

    /// <summary>Those of use, then those that are on their way out; what is newly of use is not known to be anywhere yet.</summary>
    private ImmutableArray<TrustedRoot> Trusted(AuthorityRecord record, ImmutableArray<ParsedCertificate> wanted, DateTimeOffset now)
    {
        List<ParsedCertificate> needed = [.. wanted];
        if (record.Signing is { } signing && !needed.Any(root => root.Der.Span.SequenceEqual(signing.Root.Der.Span)))
            needed.Add(signing.Root);
        return
        [
            .. needed.Select(root => record.Roots.FirstOrDefault(known => known.Is(root)) is { } known ? known with { Until = null } : new TrustedRoot(root, now, null, null)),
            .. record.Roots
                .Where(known => !needed.Any(known.Is))
                .Select(known => known with { Until = known.Until ?? now + Retirement })
                .Where(known => now < known.Until && now < known.Certificate.NotAfter),
        ];
    }

    private bool MaySign(AuthorityRecord record, SigningMaterial wanted, OfferedAuthority? offered, DateTimeOffset now) =>
        record.Signing is null
        || now >= record.Signing.NotAfter
        || offered is { Immediate: true }
        || record.Signing.Root.Der.Span.SequenceEqual(wanted.Root.Der.Span)
        || record.Roots.First(root => root.Is(wanted.Root)).Since + propagation <= now;

    private static AuthorityRecord Cut(AuthorityRecord record, AuthorityRecord kept, OfferedAuthority? offered) => Same(
        offered is { Immediate: true } ? record with { Roots = [.. record.Roots.Where(root => root.Until is null)] } : record,
        kept);

    private static AuthorityRecord Same(AuthorityRecord record, AuthorityRecord kept) =>
        record.Roots.SequenceEqual(kept.Roots)
        && ReferenceEquals(record.Signing, kept.Signing)
        && ReferenceEquals(record.Next, kept.Next)
        && string.Equals(record.Followed, kept.Followed, StringComparison.Ordinal)
            ? kept
            : record;
}
