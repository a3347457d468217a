using System.Net.Sockets;

namespace Ztunnel.IO.Tests;

public sealed class NetlinkTests
{
    private static readonly LocalDelivery Delivery = new(0x111, 0xfff, Table: 100, Priority: 32764, Protocol: 122);

    [Theory]
    [InlineData(AddressFamily.InterNetwork, "-4")]
    [InlineData(AddressFamily.InterNetworkV6, "-6")]
    public async Task Local_delivery_is_added_once_and_removed_without_a_trace(AddressFamily family, string option)
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        string before = await Show(ns, option);

        Assert.Equal(LocalDeliveryState.Added, Delivery.Ensure(ns, family));
        Assert.Equal(LocalDeliveryState.Present, Delivery.Ensure(ns, family));
        string with = await Show(ns, option);
        Delivery.Remove(ns, family);
        Delivery.Remove(ns, family);

        Assert.Contains("32764:\tfrom all fwmark 0x111/0xfff lookup 100 proto 122", with, StringComparison.Ordinal);
        Assert.Contains("local default dev lo table 100 proto 122", with, StringComparison.Ordinal);
        Assert.Equal(before, await Show(ns, option));
    }

    [Fact]
    public async Task A_removed_rule_and_a_removed_route_are_each_put_back()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        Delivery.Ensure(ns, AddressFamily.InterNetwork);
        string whole = await Show(ns, "-4");
        foreach (string[] removal in new string[][] { ["rule", "del", "pref", "32764"], ["route", "flush", "table", "100"] })
        {
            Assert.Equal(0, (await ns.RunProcess("ip", removal)).ExitCode);
            Assert.Equal(LocalDeliveryState.Added, Delivery.Ensure(ns, AddressFamily.InterNetwork));
            Assert.Equal(whole, await Show(ns, "-4"));
        }
    }

    [Fact]
    public void Without_ipv6_on_loopback_there_is_no_local_delivery_for_it_and_no_rule_is_left()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        ns.Run(() => File.WriteAllText("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"));
        Assert.Equal(LocalDeliveryState.FamilyUnavailable, Delivery.Ensure(ns, AddressFamily.InterNetworkV6));
        Assert.Equal(LocalDeliveryState.Added, Delivery.Ensure(ns, AddressFamily.InterNetwork));
        Delivery.Remove(ns, AddressFamily.InterNetworkV6);
    }

    [Fact]
    public async Task Another_owners_rule_with_the_same_mark_is_left_alone()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        await ns.RunProcess("ip", ["rule", "add", "fwmark", "0x111/0xfff", "lookup", "100", "pref", "5"]);
        string before = await Show(ns, "-4");
        Delivery.Ensure(ns, AddressFamily.InterNetwork);
        Delivery.Remove(ns, AddressFamily.InterNetwork);
        Assert.Equal(before, await Show(ns, "-4"));
    }

    [Fact]
    public async Task Each_nft_transaction_makes_the_rulesets_generation_one_more()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        uint before = NamespaceWatch.RulesetGeneration(ns);
        await ns.RunProcess("nft", ["-f", "-"], "table inet a { chain b { counter; }; }\ntable inet c { chain d { counter; }; }\n");
        Assert.Equal(before + 1, NamespaceWatch.RulesetGeneration(ns));
        await ns.RunProcess("nft", ["flush", "ruleset"]);
        Assert.Equal(before + 2, NamespaceWatch.RulesetGeneration(ns));
    }

    [Theory]
    [InlineData("nft", "add", "table", "inet", "a")]
    [InlineData("ip", "rule", "add", "fwmark", "7", "lookup", "7")]
    [InlineData("ip", "-6", "rule", "add", "fwmark", "7", "lookup", "7")]
    [InlineData("ip", "route", "add", "local", "10.1.0.0/16", "dev", "lo")]
    [InlineData("ip", "-6", "route", "add", "local", "fd11::/64", "dev", "lo")]
    public async Task A_change_in_a_watched_namespace_is_told_and_one_elsewhere_is_not(params string[] command)
    {
        using EventLoop loop = EventLoop.Start(0);
        using NetworkNamespace ns = NetworkNamespace.Create();
        using NetworkNamespace other = NetworkNamespace.Create();
        var here = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int elsewhere = 0;
        using var watch = NamespaceWatch.Start(loop, ns, () => here.TrySetResult());
        using var otherWatch = NamespaceWatch.Start(loop, other, () => elsewhere++);

        ProcessResult changed = await ns.RunProcess(command[0], command[1..]);

        Assert.True(changed.ExitCode == 0, changed.Error);
        await here.Task.WaitAsync(Loops.Patience);
        Assert.Equal(0, elsewhere);
    }

    [Fact]
    public async Task A_watch_ends_with_its_loop_and_leaves_no_socket_also_when_the_loop_had_stopped_before()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        int none = await Sockets(ns);
        EventLoop loop = EventLoop.Start(0);
        using var watch = NamespaceWatch.Start(loop, ns, () => { });
        await loop.RunAsync(() => Task.CompletedTask);
        Assert.Equal(none + 2, await Sockets(ns));

        loop.Dispose();

        Assert.Single(loop.Epoll.Handlers());
        Assert.Equal(none, await Sockets(ns));
        using var late = NamespaceWatch.Start(loop, ns, () => { });
        Assert.Equal(none, await Sockets(ns));
    }

    private static async Task<int> Sockets(NetworkNamespace ns) =>
        (await ns.RunProcess("cat", ["/proc/self/net/netlink"])).Output.Count(letter => letter == '\n');

    private static async Task<string> Show(NetworkNamespace ns, string family) =>
        (await ns.RunProcess("ip", ["-d", family, "rule", "show"])).Output + (await ns.RunProcess("ip", ["-d", family, "route", "show", "table", "all"])).Output;
}
