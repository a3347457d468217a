using Ztunnel.Mesh;

namespace Ztunnel.Resources.Tests;

/// <summary>The addresses made up for hosts: each its own, and the same in whatever order the hosts come.</summary>
public sealed class VirtualAddressTests
{
    private const int Many = 3000;

    private static readonly ServiceName[] Hosts = [.. Enumerable.Range(0, Many).Select(n => new ServiceName("default", $"host-{n}.com", IsHost: true))];

    [Fact]
    public void Hosts_that_fall_together_have_addresses_of_their_own_in_any_order_and_after_any_leaving()
    {
        string[] forwards = Given(Hosts), backwards = Given(Hosts.Reverse());
        Assert.Equal(forwards, backwards);
        Assert.Equal(Many, forwards.Distinct(StringComparer.Ordinal).Count());

        var addresses = new VirtualAddresses();
        foreach (ServiceName host in Hosts.Concat(Enumerable.Range(Many, 500).Select(n => new ServiceName("default", $"host-{n}.com", IsHost: true))))
            _ = addresses.Add(host);
        foreach (int n in Enumerable.Range(Many, 500))
            _ = addresses.Remove(new ServiceName("default", $"host-{n}.com", IsHost: true));
        string[] after = [.. Hosts.Select(host => string.Join(",", addresses.Of(host)))];
        Assert.Equal(forwards, after);
    }

    [Fact]
    public void Whoever_is_moved_is_told()
    {
        var addresses = new VirtualAddresses();
        var last = new Dictionary<ServiceName, string>();
        foreach (ServiceName host in Hosts.Reverse())
        {
            foreach (ServiceName moved in addresses.Add(host))
                last[moved] = string.Join(',', addresses.Of(moved));
            last[host] = string.Join(',', addresses.Of(host));
        }

        Assert.All(Hosts, host => Assert.Equal(last[host], string.Join(',', addresses.Of(host))));
    }

    private static string[] Given(IEnumerable<ServiceName> hosts)
    {
        var addresses = new VirtualAddresses();
        foreach (ServiceName host in hosts)
            _ = addresses.Add(host);
        return [.. Hosts.Select(host => string.Join(',', addresses.Of(host)))];
    }
}
