using System.Net;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// Gives Services their addresses: in the cluster 10.96.1.0 and on, and of fd00:10:96:: where both families are preferred, which is
/// the real API server's own affair; and each Service of type LoadBalancer an address of the lab's outer network, 172.18.255.1 and on, and takes it back when the
/// Service is of another type. <see cref="ServiceProxy"/> makes the address reachable.
/// </summary>
internal sealed class ServiceAddressStandIn(ClusterApi api, ClusterCache cache) : StandIn(api, cache)
{
    private int _allocated;

    /// <summary>Where the addresses from outside are from.</summary>
    public static readonly IPNetwork Range = IPNetwork.Parse("172.18.255.0/24");

    protected override async Task Reconcile(CancellationToken cancellationToken)
    {
        foreach (ClusterObject service in Cache.All(ClusterKind.Services).Where(each => !each.Leaving))
        {
            if (ClusterObject.Text(service.Spec?["clusterIP"]).Length == 0 && ClusterObject.Text(service.Spec?["type"]) != "ExternalName")
                await Allocate(service, cancellationToken);
            bool wanted = ClusterObject.Text(service.Spec?["type"]) == "LoadBalancer";
            if (wanted && AddressOf(service) is null)
                await Write(service, new JsonArray(new JsonObject { ["ip"] = Free() }), cancellationToken);
            else if (!wanted && AddressOf(service) is not null)
                await Write(service, null, cancellationToken);
        }
    }

    /// <summary>The address that a Service has from outside, or null.</summary>
    public static string? AddressOf(ClusterObject service) =>
        service.Status?["loadBalancer"]?["ingress"] is JsonArray { Count: > 0 } ingress ? ClusterObject.Text(ingress[0]!["ip"]) : null;

    private Task Allocate(ClusterObject service, CancellationToken cancellationToken)
    {
        bool both = ClusterObject.Text(service.Spec?["ipFamilyPolicy"]) is "PreferDualStack" or "RequireDualStack";
        _allocated++;
        string[] addresses = [$"10.96.{_allocated / 256 + 1}.{_allocated % 256}", $"fd00:10:96::{_allocated:x}"];
        string[] families = ["IPv4", "IPv6"];
        return Patch(ClusterKind.Services, service, new JsonObject
        {
            ["spec"] = new JsonObject
            {
                ["clusterIP"] = addresses[0],
                ["clusterIPs"] = new JsonArray([.. addresses.Take(both ? 2 : 1).Select(each => JsonValue.Create(each))]),
                ["ipFamilies"] = new JsonArray([.. families.Take(both ? 2 : 1).Select(each => JsonValue.Create(each))]),
            },
        }, cancellationToken);
    }

    private string Free()
    {
        HashSet<string> taken = [.. Cache.All(ClusterKind.Services).Select(AddressOf).OfType<string>()];
        return Enumerable.Range(1, 250).Select(number => $"172.18.255.{number}").First(address => !taken.Contains(address));
    }

    private Task Write(ClusterObject service, JsonArray? ingress, CancellationToken cancellationToken) => Patch(
        ClusterKind.Services, service, new() { ["status"] = new JsonObject { ["loadBalancer"] = new JsonObject { ["ingress"] = ingress } } }, cancellationToken, "status");
}
