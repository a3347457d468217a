using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads endpoints of ServiceEntries, and WorkloadEntries, which have the same fields.</summary>
internal static class EntryEndpointReader
{
    // What Istio asks of the identity of what is no pod; what is one has its own.
    private static readonly string[] Unused = ["network", "weight", "serviceAccount"];

    private static readonly IReadOnlySet<string> Also = Field.Names(Unused);

    public static EntryEndpoint Read(Field field)
    {
        string address = field["address"].RequiredText(Fault) ?? "";
        string[] locality = (field.Also(Also)["locality"].Text() ?? "").Split('/');
        System.Net.IPAddress? ip = KubernetesSyntax.TryAddress(address);
        return new EntryEndpoint
        {
            Address = ip,
            Name = ip is null && address.Length > 0 ? address : null,
            Ports = [.. field["ports"].Entries().Select(port => port.Value.PortNumber() is { } number ? new EndpointPort(port.Name, number) : null).OfType<EndpointPort>()],
            Labels = field["labels"].Strings(),
            Region = locality[0].Length > 0 ? locality[0] : null,
            Zone = locality.Length > 1 && locality[1].Length > 0 ? locality[1] : null,
        };
    }

    public static WorkloadEntryObject ReadWorkload(ObjectMetadata metadata, Field root) => new()
    {
        Metadata = metadata,
        Endpoint = Read(root["spec"]),
        NotEnforced = [.. NotEnforced(root["spec"])],
    };

    /// <summary>The fields of an endpoint that nothing comes of.</summary>
    public static IEnumerable<string> NotEnforced(Field field) => Unused.Select(name => field[name]).Where(unused => unused.Present).Select(unused => unused.Path);

    private static string? Fault(string address) =>
        KubernetesSyntax.TryAddress(address) is not null || KubernetesSyntax.SubdomainFault(address) is null ? null : "must be an IP address or a DNS name";
}
