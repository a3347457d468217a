using System.Net;
using System.Net.Sockets;

namespace Ztunnel.Resources;

/// <summary>Reads the body of a Service.</summary>
internal static class ServiceReader
{
    private enum Type
    {
        ClusterIP,
        NodePort,
        LoadBalancer,
        ExternalName,
    }

    private static readonly Dictionary<string, Type> Types = Enum.GetValues<Type>().ToDictionary(type => type.ToString(), StringComparer.Ordinal);

    private static readonly Dictionary<string, bool> IsLocal = new(StringComparer.Ordinal) { ["Cluster"] = false, ["Local"] = true };

    private static readonly Dictionary<string, bool> IsClientIp = new(StringComparer.Ordinal) { ["None"] = false, ["ClientIP"] = true };

    private static readonly IReadOnlySet<string> OfSpecs = Field.Names(
        "allocateLoadBalancerNodePorts", "externalIPs", "externalName", "externalTrafficPolicy", "healthCheckNodePort", "ipFamilies", "ipFamily",
        "ipFamilyPolicy", "loadBalancerClass", "loadBalancerIP", "loadBalancerSourceRanges", "sessionAffinityConfig", "topologyKeys");

    private static readonly IReadOnlySet<string> OfPorts = Field.Names("nodePort", "targetPort");

    public static ServiceObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"].Also(OfSpecs);
        if (!spec.Present)
            spec.Problem("is required");
        Type type = spec["type"].OneOf(Types) ?? Type.ClusterIP;
        ServicePortSpec[] ports = ReadPorts(spec["ports"]);
        IPAddress[] clusterIps = ReadClusterIps(spec);
        return new ServiceObject
        {
            Metadata = metadata,
            ExternalName = type == Type.ExternalName,
            LoadBalanced = type == Type.LoadBalancer,
            Ingress = [.. root["status"]["loadBalancer"]["ingress"].Items().Select(ReadIngress).OfType<GatewayAddress>()],
            ClusterIps = type == Type.ExternalName ? [] : [.. clusterIps],
            Selector = spec["selector"].Strings(),
            Ports = [.. ports],
            PublishNotReadyAddresses = spec["publishNotReadyAddresses"].Flag() ?? false,
            InternalTrafficLocal = spec["internalTrafficPolicy"].OneOf(IsLocal) ?? false,
            Distribution = spec["trafficDistribution"].OneOf(Distributions.OfFields),
            ClientAffinity = spec["sessionAffinity"].OneOf(IsClientIp) ?? false,
        };
    }

    private static GatewayAddress? ReadIngress(Field ingress)
    {
        if (ingress["ip"].Present)
            return ingress["ip"].Address() is { } address ? new GatewayAddress(GatewayAddress.IPAddress, address.ToString()) : null;
        return ingress["hostname"].Text(KubernetesSyntax.SubdomainFault) is { Length: > 0 } name ? new GatewayAddress(GatewayAddress.Hostname, name) : null;
    }

    private static IPAddress[] ReadClusterIps(Field spec)
    {
        Field[] given = [.. spec["clusterIPs"].Items()];
        if (given.Length == 0)
            return ReadClusterIp(spec["clusterIP"]) is { } only ? [only] : [];
        IPAddress?[] read = [.. given.Select(ReadClusterIp)];
        if (ReadClusterIp(spec["clusterIP"]) is { } single && !single.Equals(read[0]))
            spec["clusterIP"].Problem("must be the first of spec.clusterIPs");
        IPAddress[] addresses = [.. read.OfType<IPAddress>()];
        if (addresses.DistinctBy(address => address.AddressFamily).Count() < addresses.Length)
            spec["clusterIPs"].Problem("may hold at most one IPv4 and one IPv6 address");
        return addresses;
    }

    private static IPAddress? ReadClusterIp(Field field) =>
        field.Present && field.Text() is not ("" or "None") ? ReadUsable(field) : null;

    private static IPAddress? ReadUsable(Field field)
    {
        IPAddress? address = field.Address();
        bool unusable = address is not null
            && (IPAddress.IsLoopback(address) || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)
                || address.IsIPv6Multicast || (address.AddressFamily == AddressFamily.InterNetwork && address.GetAddressBytes()[0] >= 224));
        if (!unusable)
            return address;
        field.Expected("an address that can be a service's");
        return null;
    }

    private static ServicePortSpec[] ReadPorts(Field ports)
    {
        Field[] fields = [.. ports.Items()];
        var read = new List<ServicePortSpec>();
        foreach (Field field in fields)
        {
            string name = PortName.Read(field.Also(OfPorts)["name"]);
            if (name.Length == 0 && fields.Length > 1)
                field["name"].Problem("is required where a service has several ports");
            TransportProtocol protocol = field["protocol"].OneOf(PortName.Protocols) ?? TransportProtocol.Tcp;
            string? appProtocol = field["appProtocol"].Text();
            if (!field["port"].Present)
                field["port"].Problem("is required");
            if (field["port"].PortNumber() is not { } number || ReadTarget(field["targetPort"], number) is not { } target)
                continue;
            var port = new ServicePortSpec(name, number, protocol, target, appProtocol);
            CheckDistinct(field, port, read);
            read.Add(port);
        }

        return [.. read];
    }

    private static void CheckDistinct(Field field, ServicePortSpec port, List<ServicePortSpec> earlier)
    {
        if (earlier.Exists(other => string.Equals(other.Name, port.Name, StringComparison.Ordinal)))
            field["name"].Problem($"another port of the service is named \"{port.Name}\" too");
        if (earlier.Exists(other => other.Port == port.Port && other.Protocol == port.Protocol))
            field["port"].Problem($"another port of the service has number {port.Port} too");
    }

    private static TargetPort? ReadTarget(Field field, ushort port)
    {
        const string Expected = "a port name or a number from 1 to 65535";
        if (!field.Present)
            return new TargetPort.Numbered(port);
        if (field.IsText)
        {
            if (field.Text() is { } name && (field.IsServed ? KubernetesSyntax.IsPortName(name) : KubernetesSyntax.IsTargetPortName(name)))
                return new TargetPort.Named(name);
            field.Expected(Expected);
            return null;
        }

        return field.Number(1, ushort.MaxValue, Expected) is { } number ? new TargetPort.Numbered((ushort)number) : null;
    }
}
