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

    public static string? Fault(string name) =>
        name.Length == 0 || KubernetesSyntax.IsPortName(name)
            ? null
            : "must be a port name: at most 15 lower-case letters, digits and single '-', with a letter";
}
