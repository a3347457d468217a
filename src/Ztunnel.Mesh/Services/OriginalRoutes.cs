using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// The ways to the addresses that clients of a service ask for, where the service has no endpoints of its own, each made when
/// first taken and kept, so that a connection can be used again. Any thread may ask. How many are kept is bounded.
/// </summary>
internal sealed class OriginalRoutes(Service service)
{
    private const int MaxKept = 32;

    private readonly Route.Passthrough _unchanged = new(null, null, service);
    private volatile Route.Passthrough[] _kept = [];

    public Route To(IPEndPoint? asked)
    {
        if (asked is null)
            return _unchanged;
        Route.Passthrough[] kept = _kept;
        foreach (Route.Passthrough known in kept)
        {
            if (asked.Equals(known.Destination))
                return known;
        }

        var route = new Route.Passthrough(asked, null, service);
        Route.Passthrough[] rest = kept.Length < MaxKept ? kept : kept[1..];
        Interlocked.CompareExchange(ref _kept, [.. rest, route], kept);
        return route;
    }
}
