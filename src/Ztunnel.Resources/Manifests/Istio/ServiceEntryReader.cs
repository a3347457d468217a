using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the body of a ServiceEntry by the rules of Istio's own validation.</summary>
internal static class ServiceEntryReader
{
    private static readonly Dictionary<string, EntryResolution> Resolutions = new(StringComparer.Ordinal)
    {
        ["NONE"] = EntryResolution.None,
        ["STATIC"] = EntryResolution.Static,
        ["DNS"] = EntryResolution.Dns,
        ["DNS_ROUND_ROBIN"] = EntryResolution.Dns,
        ["DYNAMIC_DNS"] = EntryResolution.Dynamic,
    };

    // Outside or inside, what is in the mesh is reached as such, and what is not is not.
    private static readonly Dictionary<string, bool> IsExternal = new(StringComparer.Ordinal) { ["MESH_EXTERNAL"] = true, ["MESH_INTERNAL"] = false };

    private static readonly HashSet<string> Protocols = new(StringComparer.OrdinalIgnoreCase)
    {
        "HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "TCP", "TLS", "UDP", "REDIS", "MYSQL",
    };

    public static ServiceEntryObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"];
        if (!spec.Present)
            spec.Problem("is required");
        _ = spec["location"].OneOf(IsExternal);
        var entry = new ServiceEntryObject
        {
            Metadata = metadata,
            Hosts = [.. spec["hosts"].Items().Select(HostnameReader.Read).OfType<string>().Distinct(StringComparer.Ordinal)],
            Addresses = [.. spec["addresses"].Items().Where(field => !IsRange(field)).Select(field => field.Address()).OfType<IPAddress>().Distinct()],
            Ranges = [.. spec["addresses"].Items().Where(IsRange).Select(field => field.Range()).OfType<IPNetwork>().Distinct()],
            Ports = ReadPorts(spec["ports"]),
            Resolution = spec["resolution"].OneOf(Resolutions) ?? EntryResolution.None,
            Endpoints = [.. spec["endpoints"].Items().Select(EntryEndpointReader.Read)],
            Selector = spec["workloadSelector"].Present ? spec["workloadSelector"]["labels"].Strings() : null,
            ExportTo = ExportToReader.Read(spec["exportTo"]),
            SubjectAltNames = [.. spec["subjectAltNames"].Items().Select(item => item.RequiredText()).OfType<string>()],
            Assigned = [.. root["status"]["addresses"].Items().Select(ReadAssigned).OfType<AssignedAddress>()],
        };
        if (entry.Hosts.Count == 0 && (!spec["hosts"].Present || spec["hosts"].IsEmptyList))
            spec["hosts"].Problem("is required");
        CheckResolution(spec, entry);
        CheckEndpoints(spec, entry);
        return entry with { NotEnforced = [.. NotEnforced(spec, entry)] };
    }

    private static bool IsRange(Field field) => field.Text()?.Contains('/', StringComparison.Ordinal) == true;

    private static AssignedAddress? ReadAssigned(Field field) =>
        field["value"].Address() is { } address ? new AssignedAddress(field["host"].Text() ?? "", address) : null;

    private static ValueArray<ServicePortSpec> ReadPorts(Field ports)
    {
        var read = new List<ServicePortSpec>();
        foreach (Field field in ports.Items())
        {
            string name = field["name"].RequiredText(KubernetesSyntax.LabelFault) ?? "";
            string? protocol = field["protocol"].Text(text => text.Length == 0 || Protocols.Contains(text) ? null : $"must be one of {string.Join(", ", Protocols)}");
            if (!field["number"].Present)
                field["number"].Problem("is required");
            ushort? target = field["targetPort"].PortNumber();
            if (field["number"].PortNumber() is not { } number)
                continue;
            bool udp = string.Equals(protocol, "UDP", StringComparison.OrdinalIgnoreCase);
            var port = new ServicePortSpec(
                name,
                number,
                udp ? TransportProtocol.Udp : TransportProtocol.Tcp,
                new TargetPort.Numbered(target ?? number),
                string.IsNullOrEmpty(protocol) ? null : protocol.ToLowerInvariant());
            if (read.Exists(other => string.Equals(other.Name, name, StringComparison.Ordinal)))
                field["name"].Problem($"another port of the entry is named \"{name}\" too");
            if (read.Exists(other => other.Port == number))
                field["number"].Problem($"another port of the entry has number {number} too");
            read.Add(port);
        }

        return [.. read];
    }

    private static void CheckResolution(Field spec, ServiceEntryObject entry)
    {
        bool wildcard = entry.Hosts.Any(IsWildcard);
        if (entry.Ranges.Count > 0 && entry.Resolution is EntryResolution.Dns or EntryResolution.Dynamic)
            spec["addresses"].Problem("may hold blocks of addresses only with resolution NONE or STATIC");
        switch (entry.Resolution)
        {
            case EntryResolution.None when entry.Endpoints.Count > 0:
                spec["endpoints"].Problem("may not be given with resolution NONE");
                break;
            case EntryResolution.Dns when wildcard && entry.Endpoints.Count == 0 && entry.Selector is null:
                spec["hosts"].Problem("may not have a wildcard with resolution DNS and no endpoints: there is no name to look up");
                break;
            case EntryResolution.Dns when spec["resolution"].Text() is "DNS_ROUND_ROBIN" && entry.Endpoints.Count > 1:
                spec["endpoints"].Problem("may hold at most one with resolution DNS_ROUND_ROBIN");
                break;
            case EntryResolution.Dynamic when !entry.Hosts.All(IsWildcard):
                spec["hosts"].Problem("must all begin with *. with resolution DYNAMIC_DNS");
                break;
            case EntryResolution.Dynamic when entry.Endpoints.Count > 0 || entry.Addresses.Count > 0:
                spec["resolution"].Problem("DYNAMIC_DNS goes with neither addresses nor endpoints");
                break;
        }
    }

    private static void CheckEndpoints(Field spec, ServiceEntryObject entry)
    {
        if (entry.Endpoints.Count > 0 && entry.Selector is not null)
            spec["workloadSelector"].Problem("may not stand beside endpoints");
        foreach (Field endpoint in spec["endpoints"].Items())
        {
            if (entry.Resolution == EntryResolution.Static && EntryEndpointReader.Read(endpoint).Name is not null)
                endpoint["address"].Expected("an IP address, as resolution STATIC demands");
            foreach ((string name, Field port) in endpoint["ports"].Entries())
            {
                if (!entry.Ports.Any(known => string.Equals(known.Name, name, StringComparison.Ordinal)))
                    port.Problem("is none of the entry's ports");
            }
        }
    }

    private static IEnumerable<string> NotEnforced(Field spec, ServiceEntryObject entry)
    {
        if (entry.Resolution == EntryResolution.Dynamic)
            yield return "spec.resolution DYNAMIC_DNS";
        if (entry.SubjectAltNames.Count > 0)
            yield return spec["subjectAltNames"].Path;
        foreach (ServicePortSpec udp in entry.Ports.Where(port => port.Protocol == TransportProtocol.Udp))
            yield return $"spec.ports {udp.Name} (UDP)";
        foreach (string path in spec["endpoints"].Items().SelectMany(EntryEndpointReader.NotEnforced))
            yield return path;
    }

    private static bool IsWildcard(string host) => host.StartsWith('*');
}
