using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Of an HTTPRoute and a GRPCRoute for the same hosts of one listener exactly one is accepted, the older (Gateway API,
/// GRPCRoute): rules of the two kinds are never mixed.
/// </summary>
internal static class RouteKindConflicts
{
    private static readonly Comparer<(DateTimeOffset?, string, string)> Ages = Comparer<(DateTimeOffset?, string, string)>.Create(RouteAge.Compare);

    public static List<RouteAttachment> Settle(List<RouteAttachment> attachments)
    {
        if (attachments.DistinctBy(attachment => attachment.Route.Kind).Count() < 2)
            return attachments;
        var taken = new List<Claim>();
        var settled = new List<RouteAttachment>();
        foreach (RouteAttachment attachment in InOrder(attachments))
        {
            HashSet<int> lost = [.. ClaimsOf(attachment).Where(claim => taken.Exists(claim.Excludes)).Select(claim => claim.Listener)];
            RouteAttachment kept = lost.Count == 0 ? attachment : attachment.Without(lost);
            taken.AddRange(ClaimsOf(kept));
            settled.Add(kept);
        }

        return settled;
    }

    private static IEnumerable<RouteAttachment> InOrder(IEnumerable<RouteAttachment> attachments) => attachments
        .OrderBy(attachment => (attachment.Route.Metadata.Created, attachment.Route.Metadata.Namespace, attachment.Route.Metadata.Name), Ages)
        .ThenBy(attachment => attachment.Route.Kind.Name, StringComparer.Ordinal)
        .ThenBy(attachment => attachment.Index);

    private static IEnumerable<Claim> ClaimsOf(RouteAttachment attachment) => attachment.Listeners
        .SelectMany(listener => listener.Hostnames.Select(hostname => new Claim(listener.Listener, hostname, attachment.Route.Kind)));

    /// <summary>A host of a listener that routes of a kind are for.</summary>
    private sealed record Claim(int Listener, HostnamePattern Hostname, ObjectKind Kind)
    {
        public bool Excludes(Claim other) => Listener == other.Listener && Kind != other.Kind && Hostname.Intersect(other.Hostname) is not null;
    }
}
