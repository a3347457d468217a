namespace Ztunnel.Mesh;

/// <summary>
/// A node and the endpoints on it. It exists as soon as either does, since they arrive in any order. Readers take
/// <see cref="Node"/>; all else is the writer's.
/// </summary>
internal sealed class NodeCell(string name)
{
    private volatile Node? _node;
    private volatile bool _failing;

    public string Name { get; } = name;

    /// <summary>The node, null while nothing is known of it but its name.</summary>
    public Node? Node
    {
        get => _node;
        set
        {
            _node = value;
            _failing = value is { Ready: false };
        }
    }

    /// <summary>Whether the node is known not to be ready; looked at for each endpoint of each choice, so kept at hand.</summary>
    public bool Failing => _failing;

    public HashSet<Endpoint> Endpoints { get; } = [];

    public bool Unused => _node is null && Endpoints.Count == 0;
}
