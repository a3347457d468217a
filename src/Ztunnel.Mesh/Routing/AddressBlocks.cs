using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Net;

namespace Ztunnel.Mesh;

/// <summary>
/// The services whose virtual addresses are blocks: the longest block that holds an address has it. Readers take no lock;
/// writing is for one thread at a time.
/// </summary>
internal sealed class AddressBlocks
{
    private readonly ConcurrentDictionary<AddressRange, ServiceCell[]> _claims = new();

    // Longest first; as many as there are different lengths, so that none costs a look-up nothing.
    private ImmutableArray<int> _lengths = [];

    /// <summary>The service that an address is in a block of, for clients in a namespace.</summary>
    public ServiceCell? Find(NetworkAddress address, string? client)
    {
        foreach (int length in _lengths)
        {
            if (_claims.TryGetValue(AddressRange.Of(address, length), out ServiceCell[]? claimants) && ServiceClaims.Choose(claimants, client) is { } found)
                return found;
        }

        return null;
    }

    public void Change(ServiceCell cell, ValueArray<IPNetwork> old, ValueArray<IPNetwork> @new)
    {
        if (old == @new)
            return;
        foreach (IPNetwork gone in old.Except(@new))
            Claim(new AddressRange(gone.BaseAddress, gone.PrefixLength), cell, null);
        foreach (IPNetwork added in @new.Except(old))
            Claim(new AddressRange(added.BaseAddress, added.PrefixLength), null, cell);
        ImmutableInterlocked.InterlockedExchange(ref _lengths, [.. _claims.Select(claim => claim.Key.Length).Distinct().OrderDescending()]);
    }

    private void Claim(AddressRange range, ServiceCell? old, ServiceCell? @new)
    {
        ServiceCell[] claimants = ServiceClaims.Replace(_claims.GetValueOrDefault(range, []), old, @new);
        if (claimants.Length == 0)
            _claims.TryRemove(range, out _);
        else
            _claims[range] = claimants;
    }
}
