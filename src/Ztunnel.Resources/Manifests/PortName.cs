namespace Ztunnel.Resources;

/// <summary>What ports of pods, services and slices have in common.</summary>
internal static class PortName
{
    public static readonly IReadOnlyDictionary<string, TransportProtocol> Protocols = new Dictionary<string, TransportProtocol>(StringComparer.Ordinal)
    {
        ["TCP"] = TransportProtocol.Tcp,
        ["UDP"] = TransportProtocol.Udp,
        ["SCTP"] = TransportProtocol.Sctp,
    };

    /// <summary>The name of a port of a service or a slice, a DNS label; empty when it has none.</summary>
    public static string Read(Field field) => field.Text(name => name.Length == 0 ? null : KubernetesSyntax.LabelFault(name)) ?? "";

    /// <summary>What is wrong with the name of a container's port, which has a stricter rule; null if nothing.</summary>
    public static string? ContainerPortFault(string name) =>
        name.Length == 0 || KubernetesSyntax.IsPortName(name)
            ? null
            : "must be a port name: at most 15 lower-case letters, digits and single '-', with a letter";
}
