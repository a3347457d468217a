using System.Net;
using System.Net.Sockets;

namespace Ztunnel.Resources;

/// <summary>Reads the body of an EndpointSlice.</summary>
internal static class EndpointSliceReader
{
    private enum AddressType
    {
        IPv4,
        IPv6,
        Fqdn,
    }

    private static readonly Dictionary<string, AddressType> Types = new(StringComparer.Ordinal)
    {
        ["IPv4"] = AddressType.IPv4,
        ["IPv6"] = AddressType.IPv6,
        ["FQDN"] = AddressType.Fqdn,
    };

    private static readonly IReadOnlySet<string> OfPorts = Field.Names("appProtocol");

    private static readonly IReadOnlySet<string> OfEndpoints = Field.Names("deprecatedTopology", "hints", "hostname");

    private static readonly IReadOnlySet<string> OfTargets = Field.Names("apiVersion", "fieldPath", "name", "namespace", "resourceVersion", "uid");

    public static EndpointSliceObject Read(ObjectMetadata metadata, Field root)
    {
        if (!root["addressType"].Present)
            root["addressType"].Problem("is required");
        AddressType type = root["addressType"].OneOf(Types) ?? AddressType.Fqdn;
        return new EndpointSliceObject
        {
            Metadata = metadata,
            Ports = [.. ReadPorts(root["ports"])],
            Endpoints = type == AddressType.Fqdn ? [] : [.. root["endpoints"].Items().Select(endpoint => ReadEndpoint(endpoint, type))],
        };
    }

    private static IEnumerable<SlicePort> ReadPorts(Field ports)
    {
        foreach (Field port in ports.Items())
        {
            string name = PortName.Read(port.Also(OfPorts)["name"]);
            TransportProtocol protocol = port["protocol"].OneOf(PortName.Protocols) ?? TransportProtocol.Tcp;
            // Without a number it stands for all ports, which no Service can mean.
            if (port["port"].PortNumber() is { } number && protocol == TransportProtocol.Tcp)
                yield return new SlicePort(name, number);
        }
    }

    private static SliceEndpoint ReadEndpoint(Field endpoint, AddressType type)
    {
        Field addresses = endpoint.Also(OfEndpoints)["addresses"];
        if (!addresses.Items().Any())
            addresses.Problem("needs at least one address");
        Field target = endpoint["targetRef"].Also(OfTargets);
        bool isPod = string.Equals(target["kind"].Text(), "Pod", StringComparison.Ordinal);
        Field conditions = endpoint["conditions"];
        bool ready = conditions["ready"].Flag() ?? true;
        // Without a condition "serving" that of "ready" stands for it.
        bool serving = conditions["serving"].Flag() ?? ready;
        return new SliceEndpoint(
            [.. addresses.Items().Select(address => ReadAddress(address, type)).OfType<IPAddress>().Distinct()],
            ready,
            isPod ? target["name"].RequiredText(KubernetesSyntax.SubdomainFault) : null)
        {
            Terminating = (conditions["terminating"].Flag() ?? false) && serving,
            NodeName = NonEmpty(endpoint["nodeName"].Text(KubernetesSyntax.SubdomainFault)),
            Zone = NonEmpty(endpoint["zone"].Text()),
        };
    }

    private static string? NonEmpty(string? text) => text is "" ? null : text;

    private static IPAddress? ReadAddress(Field field, AddressType type)
    {
        IPAddress? address = field.Address();
        AddressFamily family = type == AddressType.IPv4 ? AddressFamily.InterNetwork : AddressFamily.InterNetworkV6;
        if (address is null || address.AddressFamily == family)
            return address;
        field.Expected($"an {type} address, as addressType says");
        return null;
    }
}
