using System.Text;

namespace Ztunnel.Resources;

/// <summary>
/// Changes single objects in a directory of manifests as a careful person with an editor would: everything else in a file,
/// comments too, stays as it is, and a file is replaced in one step. Each change is read back before it is written.
/// </summary>
public sealed class ManifestEditor
{
    private readonly string _path;
    private readonly Dictionary<ObjectKey, (KubernetesObject Object, Origin Origin)> _objects = [];

    private ManifestEditor(string path) => _path = path;

    /// <summary>
    /// Reads a directory. Throws <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> when it cannot be read;
    /// objects with mistakes are not among <see cref="Objects"/>.
    /// </summary>
    public static ManifestEditor Open(string path)
    {
        var editor = new ManifestEditor(Path.GetFullPath(path));
        foreach (ResourceEvent @event in new ManifestDirectory(editor._path, ManifestReader.Read).Scan(new HashSet<string>(StringComparer.Ordinal)))
        {
            if (@event is ResourceEvent.Put { Object.StandsIn: false } put)
                editor._objects[put.Object.Key] = (put.Object, put.Origin);
        }

        return editor;
    }

    /// <summary>The objects as last read or changed.</summary>
    public IEnumerable<KubernetesObject> Objects => _objects.Values.Select(entry => entry.Object);

    /// <summary>An object, or null when there is none of that key.</summary>
    public KubernetesObject? Find(ObjectKey key) => _objects.TryGetValue(key, out (KubernetesObject Object, Origin Origin) found) ? found.Object : null;

    /// <summary>Where an object stands.</summary>
    public Origin? OriginOf(ObjectKey key) => _objects.TryGetValue(key, out (KubernetesObject Object, Origin Origin) found) ? found.Origin : null;

    /// <summary>
    /// Writes an object into a file of its own. Throws <see cref="ManifestEditException"/> when it stands in another file, or
    /// the file holds something else, or <paramref name="yaml"/> is not that object.
    /// </summary>
    public void Write(ObjectKey key, string file, string yaml)
    {
        if (OriginOf(key) is { } origin && !string.Equals(origin.Source, file, StringComparison.Ordinal))
            throw new ManifestEditException($"{key} stands in {origin}: change it there, or take it out");
        if (File.Exists(Path.Combine(_path, file)) && ObjectsIn(file, File.ReadAllBytes(Path.Combine(_path, file))).Keys.Any(other => other != key))
            throw new ManifestEditException($"{file} holds other objects than {key}");
        Dictionary<ObjectKey, KubernetesObject> written = ObjectsIn(file, Encoding.UTF8.GetBytes(yaml));
        if (!written.Keys.SequenceEqual([key]))
            throw new ManifestEditException($"{key} would not be what was meant");
        Replace(file, yaml);
        _objects[key] = (written[key], new Origin(file, 1));
    }

    /// <summary>Sets a label of an object. Throws <see cref="ManifestEditException"/> when it is not there, or written in a way that leaves no safe place for it.</summary>
    public void SetLabel(ObjectKey key, string label, string value)
    {
        ArgumentNullException.ThrowIfNull(key);
        Edit(key, text => LabelEdit.Set(text, key, label, value), after => string.Equals(after?.Metadata.Labels[label], value, StringComparison.Ordinal));
    }

    /// <summary>Takes an object out; its file too, when nothing else is in it. Throws <see cref="ManifestEditException"/> when it is not there, or one of a list.</summary>
    public void Remove(ObjectKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        Edit(key, text => DocumentEdit.Remove(text, key), after => after is null);
    }

    private void Edit(ObjectKey key, Func<string, string?> edit, Func<KubernetesObject?, bool> isMeant)
    {
        Origin origin = OriginOf(key) ?? throw new ManifestEditException($"{key} is not among the manifests of {_path}");
        byte[] before = File.ReadAllBytes(Path.Combine(_path, origin.Source));
        string? text = edit(Encoding.UTF8.GetString(before));
        if (text is null)
            throw new ManifestEditException($"{key} is written in {origin} in a way that only a person can change");
        Dictionary<ObjectKey, KubernetesObject> were = ObjectsIn(origin.Source, before), are = ObjectsIn(origin.Source, Encoding.UTF8.GetBytes(text));
        KubernetesObject? after = are.GetValueOrDefault(key);
        were.Remove(key);
        are.Remove(key);
        if (!isMeant(after) || were.Count != are.Count || were.Any(other => are.GetValueOrDefault(other.Key) != other.Value))
            throw new ManifestEditException($"{key} is written in {origin} in a way that only a person can change");
        if (YamlText.Read(text).Any())
            Replace(origin.Source, text);
        else
            File.Delete(Path.Combine(_path, origin.Source));
        if (after is null)
            _objects.Remove(key);
        else
            _objects[key] = (after, origin);
    }

    private static Dictionary<ObjectKey, KubernetesObject> ObjectsIn(string file, byte[] content)
    {
        ManifestFile read = ManifestReader.Read(file, content);
        return read.Problems.Count > 0
            ? throw new ManifestEditException($"there are mistakes in the file: {read.Problems[0]}")
            : read.Objects.ToDictionary(entry => entry.Key, entry => entry.Value.Object);
    }

    private void Replace(string file, string text)
    {
        string path = Path.Combine(_path, file), aside = Path.Combine(_path, $".{file}.new");
        // A copy has the mode of what it is of.
        if (File.Exists(path))
            File.Copy(path, aside, overwrite: true);
        File.WriteAllText(aside, text);
        File.Move(aside, path, overwrite: true);
    }
}
