using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// Stands in for kube-proxy on one node: the addresses of Services lead to ready endpoints, for what comes from pods, from the node
/// and from outside. With <paramref name="announces"/> the node also answers for the addresses of load balancers.
/// </summary>
internal sealed class ServiceProxy(ClusterApi api, ClusterCache cache, LabNode node, bool announces) : StandIn(api, cache)
{
    private string _rules = "";
    private ImmutableHashSet<string> _announced = [];

    protected override async Task Reconcile(CancellationToken cancellationToken)
    {
        string rules = Rules();
        if (rules != _rules)
        {
            await Run(node, "nft", ["-f", "-"], rules, cancellationToken);
            _rules = rules;
        }

        if (announces)
            await Announce(cancellationToken);
    }

    /// <summary>Routes that let a host's own programs ask for addresses that no link has.</summary>
    public static async Task AddRoutes(LabNode host, CancellationToken cancellationToken, params ImmutableArray<IPNetwork> ranges)
    {
        foreach (IPNetwork range in ranges)
            await Run(host, "ip", ["route", "add", $"{range}", "dev", "eth0", "src", $"{host.IPv4}"], null, cancellationToken);
    }

    private async Task Announce(CancellationToken cancellationToken)
    {
        ImmutableHashSet<string> wanted = [.. Cache.All(ClusterKind.Services).Select(LoadBalancerStandIn.AddressOf).OfType<string>()];
        foreach (string address in wanted.Except(_announced))
            await Run(node, "ip", ["addr", "add", $"{address}/32", "dev", "eth0"], null, cancellationToken);
        foreach (string address in _announced.Except(wanted))
            await Run(node, "ip", ["addr", "del", $"{address}/32", "dev", "eth0"], null, cancellationToken);
        _announced = wanted;
    }

    private string Rules()
    {
        var text = new StringBuilder("table inet lab-services\ndelete table inet lab-services\ntable inet lab-services {\nchain services {\n");
        foreach (ClusterObject service in Cache.All(ClusterKind.Services).OrderBy(each => each.ToString(), StringComparer.Ordinal))
        {
            foreach (JsonNode? port in service.Spec?["ports"]?.AsArray() ?? [])
            {
                foreach (string address in AddressesOf(service))
                    text.Append(Rule(service, IPAddress.Parse(address), port!));
            }
        }

        text.Append("}\nchain prerouting { type nat hook prerouting priority dstnat; jump services; }\n")
            .Append("chain output { type nat hook output priority -100; jump services; }\n")
            .Append("chain postrouting { type nat hook postrouting priority srcnat;\n");
        foreach (IPNetwork range in node.Plan.PodRanges)
        {
            // What comes from outside is to go back the way it came; and of two pods on the bridge the answer would go straight
            // to the client, which never asked that address.
            string family = range.BaseAddress.AddressFamily == AddressFamily.InterNetworkV6 ? "ip6" : "ip";
            text.Append(CultureInfo.InvariantCulture, $"ct status dnat {family} saddr != {range} masquerade\n");
            text.Append(CultureInfo.InvariantCulture, $"ct status dnat {family} saddr {range} {family} daddr {range} masquerade\n");
        }

        return text.Append("}\n}\n").ToString();
    }

    private string Rule(ClusterObject service, IPAddress address, JsonNode port)
    {
        string family = address.AddressFamily == AddressFamily.InterNetworkV6 ? "ip6" : "ip";
        string protocol = (port["protocol"]?.GetValue<string>() ?? "TCP").ToLowerInvariant();
        string[] endpoints = [.. EndpointsOf(service, address.AddressFamily, ClusterObject.Text(port["name"]))];
        if (endpoints.Length == 0)
            return "";
        string map = string.Join(", ", endpoints.Select((endpoint, index) => $"{index} : {endpoint}"));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{family} daddr {address} {protocol} dport {port["port"]} dnat {family} to numgen random mod {endpoints.Length} map {{ {map} }}\n");
    }

    private IEnumerable<string> EndpointsOf(ClusterObject service, AddressFamily family, string port) => (
        from slice in Cache.All(ClusterKind.EndpointSlices)
        where slice.Namespace == service.Namespace && slice.Labels.GetValueOrDefault("kubernetes.io/service-name") == service.Name
        let number = slice.Json["ports"]?.AsArray().FirstOrDefault(each => ClusterObject.Text(each!["name"]) == port)?["port"]
        where number is not null
        from endpoint in slice.Json["endpoints"]?.AsArray() ?? []
        where endpoint!["conditions"]?["ready"]?.GetValue<bool>() != false
        let address = IPAddress.Parse(ClusterObject.Text(endpoint["addresses"]![0]))
        where address.AddressFamily == family
        select $"{address} . {number}").Order(StringComparer.Ordinal);

    private static IEnumerable<string> AddressesOf(ClusterObject service)
    {
        IEnumerable<string> own = (service.Spec?["clusterIPs"] as JsonArray)?.Select(ClusterObject.Text) ?? [ClusterObject.Text(service.Spec?["clusterIP"])];
        return own.Append(LoadBalancerStandIn.AddressOf(service)).OfType<string>().Where(address => address is not ("" or "None"));
    }

    private static async Task Run(LabNode node, string file, ImmutableArray<string> arguments, string? input, CancellationToken cancellationToken)
    {
        ProcessResult result = await node.NetworkNamespace.RunProcess(file, arguments, input, cancellationToken);
        if (result.ExitCode != 0)
            throw new LabException($"{node}: {file} {string.Join(' ', arguments)}: {result.Error}{input}");
    }
}
