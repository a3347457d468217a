using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ztunnel.IO;

namespace Ztunnel.Lab;

/// <summary>
/// Joins namespaces into a network: each node by a veth pair to the fabric's bridge, each pod by a veth pair to its node's
/// bridge. A node reaches the others' pods through their fabric addresses.
/// </summary>
internal static class Wiring
{
    private const string Bridge = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0";

    public static string FabricPort(int node) => $"node{node}";

    public static async Task Build(NetworkNamespace fabric, ImmutableArray<LabNode> nodes, ImmutableArray<LabPod> pods, CancellationToken cancellationToken)
    {
        foreach (NetworkNamespace each in nodes.Select(node => node.NetworkNamespace).Append(fabric))
            each.Run(PrepareRouter);
        foreach (LabPod pod in pods)
            pod.NetworkNamespace.Run(PreparePod);

        await Configure("the fabric", fabric, FabricLinks(nodes), cancellationToken);
        ILookup<string, LabPod> podsOf = pods.ToLookup(pod => pod.Plan.Node, StringComparer.Ordinal);
        foreach (LabNode node in nodes)
            await Configure(node.ToString(), node.NetworkNamespace, NodeLinks(node.Plan, nodes, [.. podsOf[node.Name]]), cancellationToken);
        Dictionary<string, NodePlan> plans = nodes.ToDictionary(node => node.Name, node => node.Plan, StringComparer.Ordinal);
        await Parallel.ForEachAsync(pods, cancellationToken, async (pod, cancelled) =>
            await Configure(pod.ToString(), pod.NetworkNamespace, PodLink(pod.Plan, plans[pod.Plan.Node]), cancelled));
        foreach (LabPod pod in pods)
            await UntilUsable(pod, pod.Addresses, cancellationToken);
        foreach (LabNode node in nodes)
            await UntilUsable(node, node.Addresses.Concat(node.Plan.PodRanges.Select(NodePlan.GatewayOf)), cancellationToken);
    }

    /// <summary>Puts a pod on the network of a lab that is built already.</summary>
    public static async Task Attach(LabNode node, LabPod pod, CancellationToken cancellationToken)
    {
        pod.NetworkNamespace.Run(PreparePod);
        await Configure(node.ToString(), node.NetworkNamespace, PortOf(pod), cancellationToken);
        await Configure(pod.ToString(), pod.NetworkNamespace, PodLink(pod.Plan, node.Plan), cancellationToken);
        await UntilUsable(pod, pod.Addresses, cancellationToken);
    }

    /// <summary>Takes a pod's link away, with both its ends and at once, whoever still holds its namespace.</summary>
    public static Task Detach(LabNode node, LabPod pod, CancellationToken cancellationToken) =>
        Configure(node.ToString(), node.NetworkNamespace, [$"link del {pod.Port}"], cancellationToken);

    /// <summary>
    /// The kernel makes an IPv6 address its own (a route of type local) some time after it took it, also without duplicate
    /// address detection; until then the host looks for itself on the link.
    /// </summary>
    private static Task UntilUsable(LabHost host, IEnumerable<IPAddress> addresses, CancellationToken cancellationToken)
    {
        string[] wanted = [.. addresses.Where(address => address.AddressFamily == AddressFamily.InterNetworkV6)
            .Select(address => Convert.ToHexStringLower(address.GetAddressBytes()) + " 80")];
        return wanted.Length == 0
            ? Task.CompletedTask
            : Condition.Wait(
                () =>
                {
                    string[] local = [.. host.NetworkNamespace.Run(() => File.ReadAllLines("/proc/thread-self/net/ipv6_route")).Where(IsLocal)];
                    return wanted.All(address => local.Any(route => route.StartsWith(address, StringComparison.Ordinal)));
                },
                TimeSpan.FromSeconds(30),
                () => $"{host}: its IPv6 addresses do not become usable",
                cancellationToken);
    }

    /// <summary>Whether a line of /proc/net/ipv6_route is of type local (RTF_LOCAL).</summary>
    private static bool IsLocal(string route) =>
        (uint.Parse(route.Split(' ', StringSplitOptions.RemoveEmptyEntries)[8], NumberStyles.HexNumber, CultureInfo.InvariantCulture) & 0x8000_0000) != 0;

    private static IEnumerable<string> FabricLinks(ImmutableArray<LabNode> nodes)
    {
        yield return "link set lo up";
        yield return $"link add fabric {Bridge}";
        yield return "link set fabric up";
        for (int index = 0; index < nodes.Length; index++)
        {
            yield return $"link add {FabricPort(index)} type veth peer name eth0 netns {nodes[index].NetworkNamespace.Path}";
            yield return $"link set {FabricPort(index)} master fabric up";
        }
    }

    private static IEnumerable<string> NodeLinks(NodePlan node, ImmutableArray<LabNode> nodes, ImmutableArray<LabPod> pods)
    {
        yield return "link set lo up";
        yield return "link set eth0 up";
        yield return $"link add pods {Bridge}";
        yield return "link set pods up";
        foreach (IPNetwork range in node.PodRanges)
            yield return $"addr add {Address(NodePlan.GatewayOf(range), range.PrefixLength)} dev pods";
        foreach (IPAddress address in node.Addresses)
            yield return $"addr add {Address(address, null)} dev eth0";
        foreach (string route in nodes.Where(other => other.Plan != node).SelectMany(other => RoutesTo(other.Plan, node)))
            yield return route;
        foreach (string link in pods.SelectMany(PortOf))
            yield return link;
    }

    private static IEnumerable<string> PortOf(LabPod pod) =>
    [
        $"link add {pod.Port} type veth peer name eth0 netns {pod.NetworkNamespace.Path}",
        $"link set {pod.Port} master pods up",
    ];

    private static IEnumerable<string> RoutesTo(NodePlan other, NodePlan from)
    {
        foreach (IPAddress address in other.Addresses)
        {
            if (from.AddressOf(address.AddressFamily) is { } own)
                yield return $"route add {address} dev eth0 src {own}";
        }

        foreach (IPNetwork range in other.PodRanges)
        {
            AddressFamily family = range.BaseAddress.AddressFamily;
            if (other.AddressOf(family) is { } next && from.AddressOf(family) is not null)
                yield return $"route add {range} via {next} dev eth0";
        }
    }

    private static IEnumerable<string> PodLink(PodPlan pod, NodePlan node)
    {
        yield return "link set lo up";
        yield return "link set eth0 up";
        foreach (IPAddress address in pod.Addresses)
        {
            IPNetwork range = node.RangeOf(address)!.Value;
            yield return $"addr add {Address(address, range.PrefixLength)} dev eth0";
            yield return $"route add default via {NodePlan.GatewayOf(range)} dev eth0";
        }
    }

    private static string Address(IPAddress address, int? prefix) => address.AddressFamily == AddressFamily.InterNetworkV6
        ? $"{address}/{prefix ?? 128} nodad"
        : $"{address}/{prefix ?? 32}";

    private static async Task Configure(string what, NetworkNamespace inside, IEnumerable<string> commands, CancellationToken cancellationToken)
    {
        ProcessResult result = await inside.RunProcess("ip", ["-batch", "-"], string.Join('\n', commands) + "\n", cancellationToken);
        if (result.ExitCode != 0)
            throw new LabException($"{what}: ip could not set up its links: {result.Error}");
    }

    private static void PrepareRouter()
    {
        PrepareAny();
        Set("net/ipv4/ip_forward", "1");
        Set("net/ipv6/conf/all/forwarding", "1");
        // A bridge that hands its frames to the IP hooks would let a node's rules see traffic between its pods twice.
        Set("net/bridge/bridge-nf-call-iptables", "0");
        Set("net/bridge/bridge-nf-call-ip6tables", "0");
        Set("net/bridge/bridge-nf-call-arptables", "0");
    }

    private static void PreparePod()
    {
        PrepareAny();
        // Strict, as distributions set it and pods often have it: what works here works with the looser settings too.
        Set("net/ipv4/conf/all/rp_filter", "1");
        Set("net/ipv4/conf/default/rp_filter", "1");
    }

    private static void PrepareAny()
    {
        // Without duplicate address detection an IPv6 address works as soon as it is there.
        foreach (string scope in new[] { "all", "default" })
        {
            Set($"net/ipv6/conf/{scope}/accept_dad", "0");
            Set($"net/ipv6/conf/{scope}/accept_ra", "0");
        }
    }

    private static void Set(string name, string value)
    {
        string path = $"/proc/sys/{name}";
        if (File.Exists(path))
            File.WriteAllText(path, value);
    }
}
