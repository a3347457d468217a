using System.Collections.Immutable;

namespace Ztunnel.Testing.Api;

/// <summary>The kinds the server serves at the moment. Kinds may come and go while it runs.</summary>
internal sealed class KindTable
{
    private ImmutableArray<ResourceKind> _kinds = CoreKinds.All;

    /// <summary>All kinds served.</summary>
    public ImmutableArray<ResourceKind> All => _kinds;

    /// <summary>The API groups served besides the core one, with their versions, the preferred first.</summary>
    public IEnumerable<(string Group, string[] Versions)> Groups =>
        All.Where(kind => kind.Group.Length > 0)
            .GroupBy(kind => kind.Group, StringComparer.Ordinal)
            .Select(kinds => (kinds.Key, kinds.SelectMany(kind => kind.Versions).Distinct(StringComparer.Ordinal).OrderBy(Rank).ToArray()));

    /// <summary>Serves more kinds; those served already are replaced.</summary>
    public void Add(IEnumerable<ResourceKind> kinds) =>
        ImmutableInterlocked.Update(ref _kinds, static (now, added) => [.. now.Except(added), .. added], kinds.ToArray());

    /// <summary>No longer serves a kind.</summary>
    public void Remove(ResourceKind kind) => ImmutableInterlocked.Update(ref _kinds, static (now, gone) => now.Remove(gone), kind);

    /// <summary>The kind at a path, or null.</summary>
    public ResourceKind? Find(string group, string version, string plural) =>
        All.FirstOrDefault(kind => kind.Group == group && kind.Plural == plural && kind.Serves(version));

    /// <summary>The kind of an object by its <c>apiVersion</c> and <c>kind</c>, or null.</summary>
    public ResourceKind? OfObject(string apiVersion, string kind)
    {
        int slash = apiVersion.IndexOf('/', StringComparison.Ordinal);
        string group = slash < 0 ? "" : apiVersion[..slash], version = apiVersion[(slash + 1)..];
        return All.FirstOrDefault(known => known.Group == group && known.Kind == kind && known.Serves(version));
    }

    /// <summary>The kinds of one group and version.</summary>
    public IEnumerable<ResourceKind> In(string group, string version) =>
        All.Where(kind => kind.Group == group && kind.Serves(version));

    // v2 before v1 before v1beta1 before v1alpha3: stable first, the newer first.
    private static (int Stage, int Version) Rank(string version) => version switch
    {
        _ when version.Contains("alpha", StringComparison.Ordinal) => (2, -version[^1]),
        _ when version.Contains("beta", StringComparison.Ordinal) => (1, -version[^1]),
        _ => (0, -version[^1]),
    };
}
