using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>The endpoints one loop talks to. What has not been used for a while is let go of. Loop thread only.</summary>
internal sealed class UpstreamTable(EventLoop loop, UpstreamOptions options, UpstreamConnect connect) : IDisposable
{
    private static readonly TimeSpan Look = TimeSpan.FromSeconds(15);

    private readonly Dictionary<Route, Upstream> _upstreams = new(ReferenceEqualityComparer.Instance);
    private bool _sweeping;

    /// <summary>How many there are.</summary>
    public int Count => _upstreams.Count;

    /// <summary>The endpoint that a route leads to. The model makes another route whenever anything about the endpoint has changed.</summary>
    /// <param name="route">The route.</param>
    /// <param name="traffic">What the rule of its service says; null for no rule.</param>
    public Upstream Of(Route route, ServiceTraffic? traffic)
    {
        if (!_upstreams.TryGetValue(route, out Upstream? upstream) || !upstream.Suits(traffic))
        {
            upstream?.Retire();
            upstream = new Upstream(route, options, traffic, connect, before: upstream);
            _upstreams[route] = upstream;
            SweepLater();
        }

        upstream.LastUsed = loop.TimeProvider.GetTimestamp();
        return upstream;
    }

    /// <summary>How many requests are under way along a route.</summary>
    public int OpenOn(Route route) => _upstreams.TryGetValue(route, out Upstream? upstream) ? upstream.Open : 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Upstream upstream in _upstreams.Values)
            upstream.Dispose();
        _upstreams.Clear();
    }

    private void SweepLater()
    {
        if (_sweeping)
            return;
        _sweeping = true;
        loop.Schedule(Look, static state => ((UpstreamTable)state!).Sweep(), this);
    }

    private void Sweep()
    {
        _sweeping = false;
        foreach (Upstream upstream in _upstreams.Values.ToArray())
        {
            if (upstream.Open > 0 || loop.TimeProvider.GetElapsedTime(upstream.LastUsed) < options.IdleTimeout)
                continue;
            _upstreams.Remove(upstream.Route);
            upstream.Dispose();
        }

        if (_upstreams.Count > 0)
            SweepLater();
    }
}
