using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Lab;

/// <summary>
/// Which addresses of a node's pod ranges are taken. Gives out the next free ones in turn, so that an address that was given back
/// stays unused for as long as the range allows, as with the host-local plugin of CNI. Safe from any thread.
/// </summary>
internal sealed class PodAddresses
{
    /// <summary>Enough for any lab, also where a range is a /64.</summary>
    private const int MostHosts = 65_535;

    private readonly Lock _lock = new();
    private readonly NodePlan _node;
    private readonly HashSet<IPAddress> _taken;
    private readonly int _hosts;
    private int _last = 1;

    public PodAddresses(NodePlan node, IEnumerable<IPAddress> taken)
    {
        _node = node;
        _taken = [.. taken];
        _hosts = node.PodRanges.Select(HostsOf).DefaultIfEmpty(0).Min();
    }

    /// <summary>One address of each range, at the same place in each. Throws <see cref="LabException"/> when there is none left.</summary>
    public ImmutableArray<IPAddress> Take()
    {
        lock (_lock)
        {
            for (int tried = 0; tried < _hosts; tried++)
            {
                // The first address of a range is the node's own.
                _last = _last >= _hosts ? 2 : _last + 1;
                ImmutableArray<IPAddress> found = [.. _node.PodRanges.Select(range => At(range, _last))];
                if (!found.Any(_taken.Contains))
                {
                    _taken.UnionWith(found);
                    return found;
                }
            }
        }

        throw new LabException($"node '{_node.Name}' has no address left for a pod");
    }

    /// <summary>Gives addresses back.</summary>
    public void Return(IEnumerable<IPAddress> addresses)
    {
        lock (_lock)
            _taken.ExceptWith(addresses);
    }

    /// <summary>The highest host number of a range that is not its broadcast address.</summary>
    private static int HostsOf(IPNetwork range)
    {
        int bits = (range.BaseAddress.GetAddressBytes().Length * 8) - range.PrefixLength;
        return bits >= 16 ? MostHosts - 1 : Math.Max(0, (1 << bits) - 2);
    }

    private static IPAddress At(IPNetwork range, int host)
    {
        byte[] bytes = range.BaseAddress.GetAddressBytes();
        bytes[^1] |= (byte)host;
        bytes[^2] |= (byte)(host >> 8);
        return new IPAddress(bytes);
    }
}
