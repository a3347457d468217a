using Microsoft.Extensions.Logging;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What of a gateway belongs to one event loop. Touched only on that loop's thread, so without locks.</summary>
internal sealed class GatewayLoop : IDisposable
{
    public GatewayLoop(
        EventLoop loop,
        SpiffeId identity,
        NetworkNamespace? @namespace,
        CertificateStore certificates,
        UpstreamOptions options,
        TlsOriginator originator,
        ILogger logger)
    {
        Loop = loop;
        Connector = new UpstreamConnector(loop, identity, @namespace, certificates, options, logger);
        var connections = new UpstreamConnections(loop, Connector, originator, options);
        Upstreams = new UpstreamTable(loop, options, connections.Open);
        Relays = new OpenRelays(loop);
        Picker = new UpstreamPicker(Upstreams.OpenOn);
    }

    public EventLoop Loop { get; }

    public UpstreamConnector Connector { get; }

    public UpstreamTable Upstreams { get; }

    public OpenRelays Relays { get; }

    public UpstreamPicker Picker { get; }

    public RequestIds Ids { get; } = new();

    /// <inheritdoc/>
    public void Dispose() => Upstreams.Dispose();
}
