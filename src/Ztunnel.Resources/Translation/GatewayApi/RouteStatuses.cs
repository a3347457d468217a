using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>The statuses of routes, put together from what becomes of them at each of their parents.</summary>
internal sealed class RouteStatuses(ResourceInventory inventory)
{
    private readonly Dictionary<RouteName, Held> _held = [];
    private readonly HashSet<RouteName> _changed = [];

    /// <summary>Takes a route that is new or has changed, of which nothing is known yet.</summary>
    public void Begin(RouteObject route)
    {
        _held[route.Name] = new Held(route, []);
        _changed.Add(route.Name);
    }

    public void End(RouteName route)
    {
        _held.Remove(route);
        _changed.Remove(route);
    }

    /// <summary>Takes how a route stands with one of its parents.</summary>
    public void Set(RouteObject route, int index, string controller, ValueArray<StatusCondition> conditions)
    {
        _held[route.Name].Parents[index] = new ParentStatus(route.Parents[index], controller, conditions);
        _changed.Add(route.Name);
    }

    /// <summary>Takes that parents of a route are not ours, or not there.</summary>
    public void Forget(RouteObject route, IEnumerable<int> indexes)
    {
        foreach (int index in indexes)
            _held[route.Name].Parents.Remove(index);
        _changed.Add(route.Name);
    }

    /// <summary>Tells the inventory what has changed.</summary>
    public void Publish()
    {
        foreach (Held held in _changed.Select(route => _held[route]))
            inventory.SetStatus(held.Route.Key, GatewayApiStatus.Of(held.Route) with { Parents = [.. held.Parents.Values] });

        _changed.Clear();
    }

    private sealed record Held(RouteObject Route, SortedDictionary<int, ParentStatus> Parents);
}
