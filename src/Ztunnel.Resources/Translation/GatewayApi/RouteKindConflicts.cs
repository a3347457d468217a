using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Of an HTTPRoute and a GRPCRoute for the same hosts of one listener exactly one is accepted, the older (Gateway API,
/// GRPCRoute): rules of the two kinds are never mixed.
/// </summary>
internal static class RouteKindConflicts
{
    public static List<RouteAttachment> Settle(List<RouteAttachment> attachments)
    {
        if (attachments.DistinctBy(attachment => attachment.Route.Kind).Count() < 2)
            return attachments;
        var taken = new List<(int Listener, HostnamePattern Hostname, ObjectKind Kind)>();
        var settled = new List<RouteAttachment>();
        foreach (RouteAttachment attachment in attachments.OrderBy(attachment => AgeOf(attachment.Route), Ages))
        {
            var lost = attachment.Listeners
                .Where(listener => taken.Exists(other => other.Listener == listener.Listener && other.Kind != attachment.Route.Kind && listener.Hostnames.Any(hostname => hostname.Intersect(other.Hostname) is not null)))
                .Select(listener => listener.Listener)
                .ToHashSet();
            RouteAttachment kept = lost.Count == 0 ? attachment : attachment.Without(lost);
            taken.AddRange(kept.Listeners.SelectMany(listener => listener.Hostnames.Select(hostname => (listener.Listener, hostname, attachment.Route.Kind))));
            settled.Add(kept);
        }

        return settled;
    }

    private static readonly Comparer<(DateTimeOffset?, string, string)> Ages = Comparer<(DateTimeOffset?, string, string)>.Create(RouteAge.Compare);

    private static (DateTimeOffset? Created, string Namespace, string Name) AgeOf(RouteObject route) =>
        (route.Metadata.Created, route.Metadata.Namespace, route.Metadata.Name);
}
