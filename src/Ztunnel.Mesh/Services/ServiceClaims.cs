namespace Ztunnel.Mesh;

/// <summary>Which of several services that say the same address or host is theirs has it (Istio's rule).</summary>
internal static class ServiceClaims
{
    /// <summary>
    /// The one that counts for clients in a namespace: a Kubernetes Service, then a ServiceEntry of the client's own namespace,
    /// then the oldest. Null where there is none that such clients know of.
    /// </summary>
    public static ServiceCell? Choose(ServiceCell[] claimants, string? client)
    {
        ServiceCell? best = null;
        foreach (ServiceCell claimant in claimants)
        {
            if (claimant.Table?.Service is { } service
                && service.Entry?.IsVisible(service.Name.Namespace, client) != false
                && (best is null || IsBefore(service, best.Table?.Service, client)))
            {
                best = claimant;
            }
        }

        return best;
    }

    /// <summary>The claimants without <paramref name="old"/>, and with <paramref name="new"/>.</summary>
    public static T[] Replace<T>(T[] items, T? old, T? @new)
        where T : class
    {
        IEnumerable<T> kept = items.Where(item => !ReferenceEquals(item, old) && !ReferenceEquals(item, @new));
        return @new is null ? [.. kept] : [.. kept, @new];
    }

    private static bool IsBefore(Service service, Service? other, string? client)
    {
        // It may have gone meanwhile.
        if (other is null)
            return true;
        if (service.Entry is null || other.Entry is null)
            return service.Entry is null && (other.Entry is not null || ServiceName.Order.Compare(service.Name, other.Name) < 0);
        bool own = string.Equals(service.Name.Namespace, client, StringComparison.Ordinal);
        if (own != string.Equals(other.Name.Namespace, client, StringComparison.Ordinal))
            return own;
        return RouteAge.Compare(
            (service.Entry.Created, service.Name.Namespace, service.Name.Name), (other.Entry.Created, other.Name.Namespace, other.Name.Name)) < 0;
    }
}
