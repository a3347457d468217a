using System.Net.Sockets;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>What <see cref="LocalDelivery.Ensure"/> found.</summary>
public enum LocalDeliveryState
{
    /// <summary>Both rule and route were there.</summary>
    Present,

    /// <summary>Something was missing and was added.</summary>
    Added,

    /// <summary>The kernel, or the namespace's loopback interface, does not have this address family.</summary>
    FamilyUnavailable,
}

/// <summary>
/// Policy routing that delivers packets with a mark to this host whatever their destination: <c>ip rule fwmark MARK/MASK
/// lookup TABLE</c> and <c>ip route local default dev lo table TABLE</c>. It is what brings a reply to an address that a
/// transparent socket borrowed back to that socket (Documentation/networking/tproxy in the kernel's sources).
/// </summary>
/// <param name="Mark">The packets' mark.</param>
/// <param name="Mask">The bits of it that count.</param>
/// <param name="Table">The routing table that holds the one route; nothing else should be in it.</param>
/// <param name="Priority">Where among the namespace's rules it stands; before 32766, the main table.</param>
/// <param name="Protocol">The origin that <c>ip -details</c> shows for both (<c>proto</c>), and by which only ours are removed.</param>
public sealed record LocalDelivery(uint Mark, uint Mask, byte Table, uint Priority, byte Protocol)
{
    private const ushort NewRoute = 24;
    private const ushort DeleteRoute = 25;
    private const ushort NewRule = 32;
    private const ushort DeleteRule = 33;

    private const byte ToTable = 1;
    private const byte HostScope = 254;
    private const byte LocalType = 2;
    private const uint Loopback = 1;

    private const ushort RulePriority = 6;
    private const ushort RuleMark = 10;
    private const ushort RuleTable = 15;
    private const ushort RuleMask = 16;
    private const ushort RuleProtocol = 21;
    private const ushort RouteInterface = 4;
    private const ushort RouteTable = 15;

    private const int NoSuchProcess = 3;
    private const int NoEntry = 2;
    private const int Exists = 17;
    private const int NotSupported = 95;
    private const int FamilyNotSupported = 97;
    private const int NoDevice = 19;

    /// <summary>
    /// Adds what is missing of it in <paramref name="ns"/> for one family. Costs two short system calls for each part, so it
    /// also serves to look. Throws <see cref="NetworkNamespaceException"/> with the kernel's reason.
    /// </summary>
    public LocalDeliveryState Ensure(NetworkNamespace ns, AddressFamily family)
    {
        using NetlinkSocket socket = NetlinkSocket.Open(ns, NetlinkSocket.Route);
        const ushort Flags = NetlinkSocket.Request | NetlinkSocket.Acknowledge | NetlinkSocket.Create | NetlinkSocket.Exclusive;
        // Route first: a rule without its route would be left behind where loopback has no IPv6.
        int route = Route(socket, NewRoute, Flags, family);
        if (route is NotSupported or FamilyNotSupported or NoDevice || (route == Errno.PermissionDenied && family == AddressFamily.InterNetworkV6))
            return LocalDeliveryState.FamilyUnavailable;
        Check(route, Exists, "add the local route", ns, family);
        int rule = Rule(socket, NewRule, Flags, family);
        Check(rule, Exists, "add the policy rule", ns, family);
        return route == Exists && rule == Exists ? LocalDeliveryState.Present : LocalDeliveryState.Added;
    }

    /// <summary>Removes it from <paramref name="ns"/> for one family; what is not there is no error. Throws as <see cref="Ensure"/>.</summary>
    public void Remove(NetworkNamespace ns, AddressFamily family)
    {
        using NetlinkSocket socket = NetlinkSocket.Open(ns, NetlinkSocket.Route);
        const ushort Flags = NetlinkSocket.Request | NetlinkSocket.Acknowledge;
        int rule = Rule(socket, DeleteRule, Flags, family);
        if (rule is NotSupported or FamilyNotSupported)
            return;
        Check(rule, NoEntry, "remove the policy rule", ns, family);
        Check(Route(socket, DeleteRoute, Flags, family), NoSuchProcess, "remove the local route", ns, family);
    }

    private int Rule(NetlinkSocket socket, ushort type, ushort flags, AddressFamily family)
    {
        ReadOnlySpan<byte> header = [Number(family), 0, 0, 0, Table, 0, 0, ToTable, 0, 0, 0, 0];
        var message = new NetlinkMessage(stackalloc byte[128], type, flags, header);
        message.Add(RulePriority, Priority);
        message.Add(RuleMark, Mark);
        message.Add(RuleMask, Mask);
        message.Add(RuleTable, (uint)Table);
        message.Add(RuleProtocol, Protocol);
        return socket.Do(message.Bytes);
    }

    private int Route(NetlinkSocket socket, ushort type, ushort flags, AddressFamily family)
    {
        ReadOnlySpan<byte> header = [Number(family), 0, 0, 0, Table, Protocol, HostScope, LocalType, 0, 0, 0, 0];
        var message = new NetlinkMessage(stackalloc byte[128], type, flags, header);
        message.Add(RouteInterface, Loopback);
        message.Add(RouteTable, (uint)Table);
        return socket.Do(message.Bytes);
    }

    private void Check(int errno, int tolerated, string action, NetworkNamespace ns, AddressFamily family)
    {
        if (errno != 0 && errno != tolerated)
            throw NetlinkSocket.Failed($"{action} for {family} and mark 0x{Mark:x} in {ns}", errno);
    }

    private static byte Number(AddressFamily family) => family switch
    {
        AddressFamily.InterNetwork => Constants.AfInet,
        AddressFamily.InterNetworkV6 => Constants.AfInet6,
        _ => throw new ArgumentOutOfRangeException(nameof(family), family, "IPv4 or IPv6."),
    };
}
