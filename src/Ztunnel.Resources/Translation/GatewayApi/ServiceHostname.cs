using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Hostnames by which Gateways name services of their own namespace (Istio's rule).</summary>
internal static class ServiceHostname
{
    /// <summary>The service that a hostname names, in short or in full, whether it is there or not; null where it names none of the namespace.</summary>
    public static ServiceName? Find(string hostname, string @namespace, string clusterDomain)
    {
        string[] labels = hostname.Split('.');
        bool isService = labels.Length == 1
            || (labels is [_, var other, "svc", .. var domain]
                && string.Equals(other, @namespace, StringComparison.Ordinal)
                && (domain.Length == 0 || string.Equals(string.Join('.', domain), clusterDomain, StringComparison.OrdinalIgnoreCase)));
        return isService ? new ServiceName(@namespace, labels[0]) : null;
    }
}
