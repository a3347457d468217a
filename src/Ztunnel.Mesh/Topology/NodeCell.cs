namespace Ztunnel.Mesh;

/// <summary>
/// A node and the endpoints on it. It exists as soon as either does, since they arrive in any order. Readers take
/// <see cref="Node"/>; all else is the writer's.
/// </summary>
internal sealed class NodeCell(string name)
{
    private volatile Node? _node;

    public string Name { get; } = name;

    /// <summary>The node, null while nothing is known of it but its name.</summary>
    public Node? Node
    {
        get => _node;
        set => _node = value;
    }

    public HashSet<Endpoint> Endpoints { get; } = [];

    public bool Unused => _node is null && Endpoints.Count == 0;
}
