using System.Net;

namespace Ztunnel.Resources;

/// <summary>Reads the body of a Node.</summary>
internal static class NodeReader
{
    private static readonly IReadOnlySet<string> OfSpecs = Field.Names(
        "configSource", "externalID", "podCIDR", "podPreemptionPolicy", "providerID", "taints", "unschedulable");

    public static NodeObject Read(ObjectMetadata metadata, Field root)
    {
        var addresses = new List<IPAddress>();
        foreach (Field address in root["status"]["addresses"].Items())
        {
            if (string.Equals(address["type"].RequiredText(), "InternalIP", StringComparison.Ordinal) && address["address"].Address() is { } ip)
                addresses.Add(ip);
        }

        Field ranges = root["spec"].Also(OfSpecs)["podCIDRs"];
        IEnumerable<Field> given = ranges.Present ? ranges.Items() : [root["spec"]["podCIDR"]];
        return new NodeObject
        {
            Metadata = metadata,
            Ready = root["status"]["conditions"].ReadyCondition() ?? true,
            InternalAddresses = [.. addresses],
            PodRanges = [.. given.Select(range => range.Range()).OfType<IPNetwork>()],
        };
    }
}
