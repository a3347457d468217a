using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// The addresses that stand for hosts which have none of their own, of Istio's blocks 240.240.0.0/16 and 2001:2::/48. Which one a
/// host has depends on its name, and only of hosts that fall together on which others there are: every agent that knows the same
/// hosts comes to the same, in whatever order it hears of them.
/// </summary>
internal sealed class VirtualAddresses
{
    private const int Slots = ushort.MaxValue - 1;
    private const int MostHosts = Slots / 2;

    private readonly Dictionary<int, ServiceName> _holders = [];
    private readonly Dictionary<ServiceName, (int Try, int Slot)> _places = [];

    /// <summary>A host's addresses, one of each family; none for one that is not here.</summary>
    public ImmutableArray<IPAddress> Of(ServiceName host)
    {
        if (!_places.TryGetValue(host, out (int Try, int Slot) place))
            return [];
        byte high = (byte)(place.Slot >> 8), low = (byte)place.Slot;
        return
        [
            new IPAddress([240, 240, high, low]),
            new IPAddress([0x20, 0x01, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0xf0, 0xf0, high, low]),
        ];
    }

    /// <summary>Gives a host its addresses. Returns the hosts that have others now.</summary>
    public IReadOnlyCollection<ServiceName> Add(ServiceName host)
    {
        if (_places.ContainsKey(host) || _places.Count >= MostHosts)
            return [];
        var moved = new HashSet<ServiceName>();
        Place(host, moved);
        return moved;
    }

    /// <summary>Takes them back. Returns the hosts that have others now.</summary>
    public IReadOnlyCollection<ServiceName> Remove(ServiceName host)
    {
        if (!_places.Remove(host, out (int Try, int Slot) place))
            return [];
        _holders.Remove(place.Slot);
        if (!_places.Values.Any(other => other.Try > 0))
            return [];
        // Whoever had to give way may have its first place now.
        Dictionary<ServiceName, (int Try, int Slot)> before = new(_places);
        _places.Clear();
        _holders.Clear();
        foreach (ServiceName other in before.Keys.Order(ServiceName.Order))
            Place(other, []);
        return [.. before.Where(entry => _places[entry.Key] != entry.Value).Select(entry => entry.Key)];
    }

    /// <summary>A place goes to the first by name of all that fall on it; the others try their next.</summary>
    private void Place(ServiceName host, HashSet<ServiceName> moved)
    {
        for (int @try = 0; ; @try++)
        {
            int slot = SlotOf(host, @try);
            if (!_holders.TryGetValue(slot, out ServiceName? holder))
            {
                _holders[slot] = host;
                _places[host] = (@try, slot);
                return;
            }

            if (ServiceName.Order.Compare(host, holder) > 0)
                continue;
            int next = _places[holder].Try;
            _holders[slot] = host;
            _places[host] = (@try, slot);
            moved.Add(holder);
            (host, @try) = (holder, next);
        }
    }

    private static int SlotOf(ServiceName host, int @try)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"{host} {@try}"), hash);
        return 1 + (((hash[0] << 16) | (hash[1] << 8) | hash[2]) % Slots);
    }
}
