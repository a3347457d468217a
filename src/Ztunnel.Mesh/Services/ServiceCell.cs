using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>
/// One service and its endpoints. Readers take <see cref="Table"/>; all else is the writer's. It exists as soon as the
/// service or one of its endpoint sets does, since they arrive in any order.
/// </summary>
internal sealed class ServiceCell(ServiceName name)
{
    private volatile ServiceTable? _table;

    public ServiceName Name { get; } = name;

    /// <summary>The service as readers see it, null while only endpoint sets have arrived.</summary>
    public ServiceTable? Table => _table;

    public Service? Service { get; set; }

    /// <summary>The endpoint sets by name, with the endpoints made of them; no endpoints while there is no service.</summary>
    public SortedList<string, (EndpointSet Set, Endpoint[] Endpoints)> Sets { get; } = new(StringComparer.Ordinal);

    public bool Unused => Service is null && Sets.Count == 0;

    public void Publish()
    {
        if (Service is null)
        {
            _table = null;
            return;
        }

        var table = new ServiceTable(Service, [.. Sets.Values.Select(held => held.Set)], AllEndpoints());
        if (_table is { IsArranged: true })
            table.Arrange();
        _table = table;
    }

    private ImmutableArray<Endpoint> AllEndpoints()
    {
        var all = ImmutableArray.CreateBuilder<Endpoint>(Sets.Values.Sum(held => held.Endpoints.Length));
        foreach ((_, Endpoint[] endpoints) in Sets.Values)
            all.AddRange(endpoints);
        return all.MoveToImmutable();
    }
}
