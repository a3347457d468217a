namespace Ztunnel.Mesh;

/// <summary>Says why a port of a service has no endpoint of an address family for a client.</summary>
internal sealed class MissingEndpoint(Service service, ServicePort port, Endpoint[] endpoints, string family, EndpointSet[] sets)
{
    private volatile Told? _told;

    /// <summary>The refusal; the same object while the reason is the same, so that telling it again allocates nothing.</summary>
    public Route.Deny Refusal()
    {
        int ready = 0, unreachable = 0;
        foreach (Endpoint endpoint in endpoints)
        {
            bool counts = endpoint.Ready || service.PublishNotReadyAddresses;
            ready += counts ? 1 : 0;
            unreachable += counts && endpoint.Route is null ? 1 : 0;
        }

        if (_told is { } told && told.Ready == ready && told.Unreachable == unreachable)
            return told.Route;
        var route = new Route.Deny(DenyReason.NoReadyEndpoints, $"Service {service} port {port.Port} has no {Explain(ready, unreachable)}");
        _told = new Told(ready, unreachable, route);
        return route;
    }

    private string Explain(int ready, int unreachable)
    {
        if (endpoints.Length == 0)
            return WhyNone();
        string where = service.LocalOnly ? " on the client's node, as internalTrafficPolicy Local demands" : "";
        string unknown = unreachable == 0 ? "" : $", {unreachable} of them without a pod that is known to hold the address";
        return $"ready {family} endpoint{where} ({ready} of {endpoints.Length} endpoints ready{unknown})";
    }

    private string WhyNone()
    {
        if (!Array.Exists(sets, set => set.Addresses.Length > 0))
        {
            return service.Entry is { Names.Count: > 0 } entry
                ? $"endpoint: no address is known of {string.Join(", ", entry.Names)}"
                : "endpoint: nothing is behind the service";
        }

        if (Array.Exists(sets, set => set.Ports.Any(served => string.Equals(served.Name, port.Name, StringComparison.Ordinal))))
            return $"{family} endpoint, and only such serve an {family} address";
        string[] others = [.. sets.SelectMany(set => set.Ports).Select(served => $"\"{served.Name}\"").Distinct(StringComparer.Ordinal)];
        return $"endpoint that serves it: its EndpointSlices or pods have no port \"{port.Name}\" ({(others.Length == 0 ? "nor any other" : $"only {string.Join(", ", others)}")})";
    }

    private sealed record Told(int Ready, int Unreachable, Route.Deny Route);
}
