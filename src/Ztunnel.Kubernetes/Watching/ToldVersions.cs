using System.Globalization;
using System.Text;

namespace Ztunnel.Kubernetes;

/// <summary>
/// What a watch has told, so that a list after an interruption gives the differences only. Of each object its name and version
/// are kept.
/// </summary>
internal sealed class ToldVersions
{
    private readonly Dictionary<(string Namespace, string Name), (ulong Version, int List)> _objects = [];
    private readonly Dictionary<string, string> _namespaces = new(StringComparer.Ordinal) { [""] = "" };
    private int _list;

    public int Count => _objects.Count;

    /// <summary>Takes an object as listed or changed; gives its names, or null if it was told in this version before.</summary>
    public (string Namespace, string Name)? Put(string ns, string name, string version)
    {
        // Thousands of objects share a namespace, and its text.
        if (!_namespaces.TryGetValue(ns, out string? shared))
            _namespaces.Add(ns, shared = ns);
        ulong number = Number(version);
        bool told = _objects.TryGetValue((shared, name), out (ulong Version, int List) known) && known.Version == number;
        _objects[(shared, name)] = (number, _list);
        return told ? null : (shared, name);
    }

    /// <summary>Whether it was there.</summary>
    public bool Remove(string ns, string name) => _objects.Remove((ns, name));

    /// <summary>A list begins: what is not put until <see cref="EndList"/> is gone.</summary>
    public void BeginList() => _list++;

    /// <summary>The list was whole: gives what was not in it, and forgets that.</summary>
    public IReadOnlyList<(string Namespace, string Name)> EndList()
    {
        (string Namespace, string Name)[] gone = [.. _objects.Where(entry => entry.Value.List != _list).Select(entry => entry.Key)];
        foreach ((string Namespace, string Name) key in gone)
            _objects.Remove(key);
        return gone;
    }

    /// <summary>Versions are opaque, but are numbers in fact; of any other text a number is made that hardly two share.</summary>
    private static ulong Number(string version) =>
        ulong.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number)
            ? number
            : BitConverter.ToUInt64(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(version)));
}
