using System.Collections.Frozen;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What one listener shows, at one moment.</summary>
/// <param name="of">The certificates it was made of.</param>
/// <param name="sets">The same by their names, the one for whoever asks for no name first.</param>
internal sealed class ShownCertificates(ValueArray<ListenerCertificate> of, IReadOnlyList<CertificateSet> sets)
{
    private readonly TlsContext? _first = sets.FirstOrDefault(set => set.Context.HasCertificate)?.Context;
    private readonly FrozenDictionary<string, TlsContext> _byName = sets
        .Where(set => set.Context.HasCertificate)
        .SelectMany(set => set.Names.Select(name => (Name: name, set.Context)))
        .DistinctBy(shown => shown.Name, StringComparer.Ordinal)
        .ToFrozenDictionary(shown => shown.Name, shown => shown.Context, StringComparer.Ordinal);

    /// <summary>What is shown, by names.</summary>
    public IReadOnlyList<CertificateSet> Sets => sets;

    /// <summary>The certificates it was made of.</summary>
    public ValueArray<ListenerCertificate> Of => of;

    /// <summary>
    /// What is shown to who asks for a name, given in lower case: the first certificate with that name, else the first with a
    /// wildcard for it (of one label, RFC 9525 section 6.3), else the first of all. Null when none can be used.
    /// </summary>
    public TlsContext? For(string? name)
    {
        if (name is null)
            return _first;
        if (_byName.TryGetValue(name, out TlsContext? exact))
            return exact;
        int dot = name.IndexOf('.', StringComparison.Ordinal);
        return dot > 0 && _byName.TryGetValue($"*{name[dot..]}", out TlsContext? wildcard) ? wildcard : _first;
    }

    /// <summary>The set for these names; null where there is none.</summary>
    public CertificateSet? ForNames(ValueArray<string> names) => sets.FirstOrDefault(set => set.Names.Equals(names));

    /// <summary>Lets go of everything but what is kept; connections that are open go on.</summary>
    public void Release(IReadOnlyCollection<CertificateSet> kept)
    {
        foreach (CertificateSet set in sets.Except(kept))
            set.Context.Dispose();
    }
}
