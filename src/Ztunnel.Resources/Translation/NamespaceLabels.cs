using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The labels of the namespaces, which say things of all that is in them.</summary>
internal sealed class NamespaceLabels(MeshState mesh)
{
    /// <summary>The label every namespace has in a cluster, and that manifests written by hand leave out.</summary>
    private const string NameLabel = "kubernetes.io/metadata.name";

    private readonly Dictionary<string, StringMap> _labels = new(StringComparer.Ordinal);

    /// <summary>The labels of a namespace; none when it is not known.</summary>
    public StringMap Of(string @namespace) => _labels.GetValueOrDefault(@namespace, StringMap.Empty);

    /// <summary>A namespace's labels, with the one that all have.</summary>
    public static StringMap Complete(string @namespace, StringMap labels) =>
        labels[NameLabel] is null ? new StringMap([.. labels.Entries, KeyValuePair.Create(NameLabel, @namespace)]) : labels;

    /// <summary>Takes a namespace's labels; null when it is gone. Tells whether anything has changed.</summary>
    public bool Put(string @namespace, StringMap? labels)
    {
        StringMap old = Of(@namespace);
        if (labels is null)
        {
            _labels.Remove(@namespace);
            mesh.RemoveNamespace(@namespace);
            return old.Count > 0;
        }

        labels = Complete(@namespace, labels);
        _labels[@namespace] = labels;
        mesh.PutNamespace(@namespace, labels);
        return !old.Equals(labels);
    }
}
