using System.Globalization;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Reads the body of a PeerAuthentication.</summary>
internal static class PeerAuthenticationReader
{
    private static readonly Dictionary<string, MutualTlsMode> Modes = new(StringComparer.Ordinal)
    {
        ["UNSET"] = MutualTlsMode.Unset,
        ["DISABLE"] = MutualTlsMode.Disable,
        ["PERMISSIVE"] = MutualTlsMode.Permissive,
        ["STRICT"] = MutualTlsMode.Strict,
    };

    public static PeerAuthenticationObject Read(ObjectMetadata metadata, Field root)
    {
        Field spec = root["spec"], ports = spec["portLevelMtls"];
        StringMap selector = PolicySelector.Read(spec);
        if (ports.Present && !spec["selector"]["matchLabels"].Entries().Any())
            ports.Problem("needs a selector: only what is about single workloads can be about their ports");
        return new PeerAuthenticationObject
        {
            Metadata = metadata,
            Selector = selector,
            Mode = spec["mtls"]["mode"].OneOf(Modes) ?? MutualTlsMode.Unset,
            Ports = [.. ReadPorts(ports)],
        };
    }

    private static IEnumerable<PortMode> ReadPorts(Field ports)
    {
        if (ports.Present && !ports.Entries().Any())
            ports.Problem("needs at least one port");
        foreach ((string name, Field value) in ports.Entries())
        {
            MutualTlsMode mode = value["mode"].OneOf(Modes) ?? MutualTlsMode.Unset;
            bool number = ushort.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) && port > 0 && name[0] != '0';
            if (number)
                yield return new PortMode(port, mode);
            else
                value.Problem("is not a port: a number from 1 to 65535");
        }
    }
}
