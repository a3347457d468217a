using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A route at one of its parents: which listeners take it for which hosts, or why none does.</summary>
/// <param name="Route">The route.</param>
/// <param name="Index">Which of its parents it is.</param>
/// <param name="Listeners">The listeners that take it, by their place in the Gateway, and the hosts.</param>
/// <param name="Refusal">Why none does; null where one does.</param>
internal sealed record RouteAttachment(
    RouteObject Route, int Index, ImmutableArray<(int Listener, ImmutableArray<HostnamePattern> Hostnames)> Listeners, (string Reason, string Message)? Refusal)
{
    /// <summary>Attaches a route to a Gateway by one of its parent references (Gateway API, ParentReference and AllowedRoutes).</summary>
    public static RouteAttachment Attach(
        RouteObject route, int index, GatewayObject gateway, ImmutableArray<ListenerState> listeners, StringMap namespaceLabels)
    {
        ParentReference parent = route.Parents[index];
        int[] named = [.. Enumerable.Range(0, listeners.Length).Where(listener => IsNamed(parent, listeners[listener].Listener))];
        if (named.Length == 0)
            return new RouteAttachment(route, index, [], ("NoMatchingParent", $"Gateway {gateway.Metadata.Namespace}/{gateway.Metadata.Name} has no such listener ({Describe(parent)})"));
        int[] allowed = [.. named.Where(listener => Allows(listeners[listener], route, gateway, namespaceLabels))];
        if (allowed.Length == 0)
            return new RouteAttachment(route, index, [], ("NotAllowedByListeners", "no listener allows routes of this kind from this namespace"));
        ImmutableArray<(int Listener, ImmutableArray<HostnamePattern> Hostnames)> common =
        [
            .. allowed.Select(listener => (listener, Common(listeners[listener].Hostname, route))).Where(candidate => !candidate.Item2.IsEmpty),
        ];
        return common.IsEmpty
            ? new RouteAttachment(route, index, [], ("NoMatchingListenerHostname", "no hostname of the route is one of a listener's"))
            : new RouteAttachment(route, index, common, null);
    }

    /// <summary>What a conflict with routes of the other kind leaves of it.</summary>
    public RouteAttachment Without(IReadOnlySet<int> lost)
    {
        ImmutableArray<(int Listener, ImmutableArray<HostnamePattern> Hostnames)> rest = Listeners.RemoveAll(listener => lost.Contains(listener.Listener));
        return this with
        {
            Listeners = rest,
            Refusal = rest.IsEmpty ? ("Conflicted", "an older route of another kind is for the same hosts of the same listener") : null,
        };
    }

    private static bool IsNamed(ParentReference parent, GatewayListener listener) =>
        (parent.SectionName is null || string.Equals(parent.SectionName, listener.Name, StringComparison.Ordinal))
        && (parent.Port is null || parent.Port == listener.Port);

    private static bool Allows(ListenerState listener, RouteObject route, GatewayObject gateway, StringMap namespaceLabels) =>
        listener.Kinds.Any(kind => string.Equals(kind.Kind, route.Kind.Name, StringComparison.Ordinal))
        && listener.Listener.AllowedNamespaces.Admits(gateway.Metadata.Namespace, route.Metadata.Namespace, namespaceLabels);

    private static ImmutableArray<HostnamePattern> Common(HostnamePattern listener, RouteObject route) => route.Hostnames.Count == 0
        ? [listener]
        : [.. route.Hostnames.Select(hostname => listener.Intersect(HostnamePattern.Of(hostname))).OfType<HostnamePattern>().Distinct()];

    private static string Describe(ParentReference parent) =>
        string.Join(", ", new[] { parent.SectionName is null ? null : $"sectionName {parent.SectionName}", parent.Port is null ? null : $"port {parent.Port}" }.OfType<string>());
}
