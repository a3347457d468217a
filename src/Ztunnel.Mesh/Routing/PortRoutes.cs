namespace Ztunnel.Mesh;

/// <summary>
/// Routes that differ by port only, each made when first asked for and kept, so that asking again allocates nothing. Any
/// thread may ask. How many are kept is bounded: a client that walks through all ports costs an allocation each, not memory.
/// </summary>
internal abstract class PortRoutes
{
    private const int MaxKept = 32;

    private volatile Prepared[] _kept = [];

    public Route For(ushort port)
    {
        Prepared[] kept = _kept;
        foreach (ref readonly Prepared prepared in kept.AsSpan())
        {
            if (prepared.Port == port)
                return prepared.Route;
        }

        Route route = Prepare(port);
        // Whoever loses a race here leaves its route out; the next asker of that port adds it.
        if (kept.Length < MaxKept)
            Interlocked.CompareExchange(ref _kept, [.. kept, new Prepared(port, route)], kept);
        return route;
    }

    protected abstract Route Prepare(ushort port);

    private readonly record struct Prepared(ushort Port, Route Route);
}
