using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What a gateway pod listens on, at one moment. Immutable: a change makes another, and requests under way keep theirs.</summary>
internal sealed class PortTable(ImmutableArray<HttpPort> ports)
{
    /// <summary>Nothing.</summary>
    public static readonly PortTable Empty = new([]);

    /// <summary>The ports, by number.</summary>
    public ImmutableArray<HttpPort> Ports => ports;

    /// <summary>The port of that number; null when nothing listens there now.</summary>
    public HttpPort? Find(ushort number)
    {
        foreach (HttpPort port in ports)
        {
            if (port.Number == number)
                return port;
        }

        return null;
    }
}
