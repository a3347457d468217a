using System.Collections.Frozen;
using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What a gateway pod listens on, at one moment. Immutable: a change makes another, and requests under way keep theirs.</summary>
/// <param name="ports">The ports of its Gateways.</param>
/// <param name="podPorts">At which ports of the pod each of them arrives.</param>
internal sealed class PortTable(ImmutableArray<HttpPort> ports, Func<ushort, ImmutableArray<ushort>> podPorts)
{
    /// <summary>Nothing.</summary>
    public static readonly PortTable Empty = new([], _ => []);

    private readonly FrozenDictionary<ushort, HttpPort> _byPodPort = ports
        .SelectMany(port => podPorts(port.Number).Select(podPort => (PodPort: podPort, Port: port)))
        .DistinctBy(arrival => arrival.PodPort)
        .ToFrozenDictionary(arrival => arrival.PodPort, arrival => arrival.Port);

    /// <summary>The ports of the pod that are listened on.</summary>
    public IEnumerable<ushort> PodPorts => _byPodPort.Keys;

    /// <summary>What arrives at a port of the pod; null when nothing does now.</summary>
    public HttpPort? AtPod(ushort podPort) => _byPodPort.GetValueOrDefault(podPort);

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
