using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Finds addresses that several objects say are theirs, which is always a mistake in one of them.</summary>
internal sealed class AddressConflicts(ResourceInventory inventory)
{
    private readonly Claims<NetworkAddress> _claims = new();

    /// <summary>Takes the addresses an object has now in place of those it had.</summary>
    public void Change(ObjectKey key, ValueArray<IPAddress> old, ValueArray<IPAddress> @new)
    {
        foreach (IPAddress gone in old.Except(@new))
        {
            inventory.SetProblem(key, Field(key, gone), null);
            _claims.Remove(NetworkAddress.From(gone), key);
            Report(gone);
        }

        foreach (IPAddress added in @new.Except(old))
        {
            _claims.Add(NetworkAddress.From(added), key);
            Report(added);
        }
    }

    private static string Field(ObjectKey key, IPAddress address) =>
        key.Kind == ObjectKind.Pod ? $"status.podIPs[{address}]"
        : key.Kind == ObjectKind.Service ? $"spec.clusterIPs[{address}]"
        : $"spec.addresses[{address}]";

    private void Report(IPAddress address)
    {
        if (_claims.HolderOf(NetworkAddress.From(address)) is not { } holder)
            return;
        inventory.SetProblem(holder, Field(holder, address), null);
        // Several ServiceEntries may well stand for one address: which of them counts depends on the client.
        string? message = holder.Kind == ObjectKind.ServiceEntry ? null : $"is an address of {holder} too";
        foreach (ObjectKey other in _claims.LosersOf(NetworkAddress.From(address)))
            inventory.SetProblem(other, Field(other, address), message);
    }
}
