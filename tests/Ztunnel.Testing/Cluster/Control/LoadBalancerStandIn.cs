using System.Net;
using System.Text.Json.Nodes;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// Gives each Service of type LoadBalancer an address of the lab's outer network, 172.18.255.1 and on, and takes it back when the
/// Service is of another type. <see cref="ServiceProxy"/> makes the address reachable.
/// </summary>
internal sealed class LoadBalancerStandIn(ClusterApi api, ClusterCache cache) : StandIn(api, cache)
{
    /// <summary>Where the addresses are from.</summary>
    public static readonly IPNetwork Range = IPNetwork.Parse("172.18.255.0/24");

    protected override async Task Reconcile(CancellationToken cancellationToken)
    {
        foreach (ClusterObject service in Cache.All(ClusterKind.Services).Where(each => !each.Leaving))
        {
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

    private string Free()
    {
        HashSet<string> taken = [.. Cache.All(ClusterKind.Services).Select(AddressOf).OfType<string>()];
        return Enumerable.Range(1, 250).Select(number => $"172.18.255.{number}").First(address => !taken.Contains(address));
    }

    private Task Write(ClusterObject service, JsonArray? ingress, CancellationToken cancellationToken) => Patch(
        ClusterKind.Services, service, new() { ["status"] = new JsonObject { ["loadBalancer"] = new JsonObject { ["ingress"] = ingress } } }, cancellationToken, "status");
}
