using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Finds addresses that several objects say are theirs, which is always a mistake in one of them.</summary>
internal sealed class AddressConflicts(ResourceInventory inventory)
{
    private readonly Claims<NetworkAddress> _claims = new();
    private readonly Dictionary<ObjectKey, ValueArray<IPAddress>> _claimed = [];

    public void Put(ObjectKey key, ValueArray<IPAddress> addresses)
    {
        foreach (IPAddress gone in _claimed.GetValueOrDefault(key).Except(addresses).ToArray())
        {
            inventory.SetProblem(key, Field(key, gone), null);
            _claims.Remove(NetworkAddress.From(gone), key);
            Report(gone);
        }

        foreach (IPAddress address in addresses)
        {
            _claims.Add(NetworkAddress.From(address), key);
            Report(address);
        }

        if (addresses.Count == 0)
            _claimed.Remove(key);
        else
            _claimed[key] = addresses;
    }

    private static string Field(ObjectKey key, IPAddress address) =>
        key.Kind == ObjectKind.Pod ? $"status.podIPs[{address}]" : $"spec.clusterIPs[{address}]";

    private void Report(IPAddress address)
    {
        if (_claims.HolderOf(NetworkAddress.From(address)) is not { } holder)
            return;
        inventory.SetProblem(holder, Field(holder, address), null);
        foreach (ObjectKey other in _claims.LosersOf(NetworkAddress.From(address)))
            inventory.SetProblem(other, Field(other, address), $"is an address of {holder} too");
    }
}
