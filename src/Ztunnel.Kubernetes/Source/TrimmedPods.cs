using System.Text.Json;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>
/// Pods as rows of a table: their metadata, which an API server gives without the rest, and the columns that <c>kubectl get pods
/// -o wide</c> shows, which it makes of the status.
/// </summary>
internal sealed class TrimmedPods
{
    private const string None = "<none>";
    private const int MostPooled = 100_000;

    private static readonly string[] KeptAnnotations = [PodObject.RedirectionAnnotation, PodObject.ServiceAccountAnnotation, PodObject.SidecarAnnotation];

    // Of a hundred thousand pods few labels, nodes and accounts are different.
    private readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal);
    private readonly HashSet<(string Namespace, string Name)> _nameless = [];
    private IReadOnlyList<string>? _columns;
    private (int Ready, int Status, int Ip, int Node, int Gates) _at;

    /// <summary>How many pods are captured by an agent that does not say their service account.</summary>
    public int WithoutAccount => _nameless.Count;

    /// <summary>The pod of a row. Throws <see cref="FormatException"/> for a row that is none.</summary>
    public PodObject Read(WatchEvent.Put row, IReadOnlyList<string> columns)
    {
        Learn(columns);
        JsonElement metadata = WatchFrame.Metadata(row.Object, asRow: true);
        StringMap annotations = Annotations(metadata), labels = Labels(metadata);
        bool reached = annotations[PodObject.RedirectionAnnotation] is PodObject.Redirected || labels[WaypointLabels.GatewayInstance] is not null;
        string? account = annotations[PodObject.ServiceAccountAnnotation];
        if (reached && account is null)
            _nameless.Add((row.Namespace, row.Name));
        else
            _nameless.Remove((row.Namespace, row.Name));
        JsonElement cells = JsonMembers.Property(row.Object, "cells") ?? throw new FormatException("a row has no cells");
        string status = Cell(cells, _at.Status), node = Cell(cells, _at.Node);
        bool ready = IsWhole(Cell(cells, _at.Ready)) && (Cell(cells, _at.Gates) is None or "" || IsWhole(Cell(cells, _at.Gates)));
        return new PodObject
        {
            Metadata = new ObjectMetadata
            {
                Name = row.Name,
                Namespace = row.Namespace,
                Uid = JsonMembers.Text(metadata, "uid"),
                Labels = labels,
                Annotations = annotations,
                Created = Time(metadata, "creationTimestamp"),
                Deleting = JsonMembers.Property(metadata, "deletionTimestamp") is not null,
                Controller = Controller(metadata),
            },
            NodeName = node is None ? "" : Pooled(node),
            ServiceAccount = account is null ? "default" : Pooled(account),
            // A row does not tell whether the pod has its node's network. Of one that nobody tunnels to that is assumed, as its
            // address may be the node's and many pods': then only slices lead to it, and those name it.
            HostNetwork = !reached,
            Addresses = KubernetesSyntax.TryAddress(Cell(cells, _at.Ip)) is { } address ? [address] : [],
            Phase = PhaseOf(status, Cell(cells, _at.Ready)),
            ReadyCondition = ready && status is "Running",
        };
    }

    /// <summary>A pod is there no more.</summary>
    public void Forget(string ns, string name) => _nameless.Remove((ns, name));

    /// <summary>
    /// The phase that stands behind what is shown of it. A pod of which no container is ready and that shows how one ended has
    /// ended, for all that anyone could do with it: its address may soon be another's.
    /// </summary>
    private static PodPhase PhaseOf(string status, string ready) => status switch
    {
        "Running" or "Terminating" => PodPhase.Running,
        "Succeeded" or "Completed" when ready.StartsWith("0/", StringComparison.Ordinal) => PodPhase.Succeeded,
        "Failed" or "Error" or "Evicted" or "OOMKilled" or "ContainerStatusUnknown" or "NodeLost" or "Shutdown" or "NodeShutdown"
            when ready.StartsWith("0/", StringComparison.Ordinal) => PodPhase.Failed,
        "Pending" or "ContainerCreating" or "PodInitializing" or "SchedulingGated" => PodPhase.Pending,
        _ when status.StartsWith("Init:", StringComparison.Ordinal) => PodPhase.Pending,
        _ => PodPhase.Running,
    };

    /// <summary>Whether it says as many as there are: <c>2/2</c>.</summary>
    private static bool IsWhole(string count)
    {
        int slash = count.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && count.AsSpan(0, slash).SequenceEqual(count.AsSpan(slash + 1)) && count is not "0/0";
    }

    private static string Cell(JsonElement cells, int at) =>
        at >= 0 && cells.ValueKind == JsonValueKind.Array && at < cells.GetArrayLength() && cells[at].ValueKind == JsonValueKind.String ? cells[at].GetString()! : "";

    private static DateTimeOffset? Time(JsonElement metadata, string name) =>
        JsonMembers.Property(metadata, name) is { ValueKind: JsonValueKind.String } text && text.TryGetDateTimeOffset(out DateTimeOffset time) ? time : null;

    private StringMap Annotations(JsonElement metadata)
    {
        if (JsonMembers.Property(metadata, "annotations") is not { } annotations)
            return StringMap.Empty;
        KeyValuePair<string, string>[] kept =
            [.. KeptAnnotations.Select(name => KeyValuePair.Create(name, Pooled(JsonMembers.Text(annotations, name)))).Where(entry => entry.Value is not null)!];
        return kept.Length == 0 ? StringMap.Empty : new StringMap(kept);
    }

    private StringMap Labels(JsonElement metadata) =>
        JsonMembers.Property(metadata, "labels") is { ValueKind: JsonValueKind.Object } labels
            ? new StringMap(labels.EnumerateObject().Select(label => KeyValuePair.Create(Pooled(label.Name), Pooled(label.Value.GetString() ?? ""))))
            : StringMap.Empty;

    private ControllerReference? Controller(JsonElement metadata)
    {
        if (JsonMembers.Property(metadata, "ownerReferences") is not { ValueKind: JsonValueKind.Array } owners)
            return null;
        foreach (JsonElement owner in owners.EnumerateArray())
        {
            if (JsonMembers.Property(owner, "controller") is { ValueKind: JsonValueKind.True } && JsonMembers.Text(owner, "kind") is { } kind && JsonMembers.Text(owner, "name") is { } name)
                return new ControllerReference(Pooled(kind), Pooled(name));
        }

        return null;
    }

    [return: System.Diagnostics.CodeAnalysis.NotNullIfNotNull(nameof(text))]
    private string? Pooled(string? text)
    {
        if (text is null || _texts.TryGetValue(text, out string? shared))
            return text is null ? null : _texts[text];
        if (_texts.Count >= MostPooled)
            _texts.Clear();
        _texts.Add(text, text);
        return text;
    }

    private void Learn(IReadOnlyList<string> columns)
    {
        if (ReferenceEquals(columns, _columns))
            return;
        string[] names = [.. columns];
        _at = (Array.IndexOf(names, "Ready"), Array.IndexOf(names, "Status"), Array.IndexOf(names, "IP"), Array.IndexOf(names, "Node"), Array.IndexOf(names, "Readiness Gates"));
        if (_at.Ready < 0 || _at.Status < 0 || _at.Ip < 0 || _at.Node < 0)
            throw new FormatException("the server's table of pods lacks Ready, Status, IP or Node");
        _columns = columns;
    }
}
