using System.CommandLine;
using Ztunnel.Capture;

namespace Ztunnel;

/// <summary><c>--probes</c> of <c>ztunnel node</c>.</summary>
internal static class ProbeFlag
{
    private const string Snat = "snat";
    private const string NodeAddress = "node-address";
    private const string None = "none";

    public static Option<string> Create()
    {
        var flag = new Option<string>("--probes")
        {
            Description = "How the kubelet's probes get to captured pods under STRICT: snat (rules on the node give its root processes' connections "
                + "a source address of their own), node-address (plaintext from an address of the node is let in), or none.",
            DefaultValueFactory = _ => Snat,
        };
        flag.AcceptOnlyFromAmong(Snat, NodeAddress, None);
        return flag;
    }

    public static ProbePath Read(string value) => value switch
    {
        Snat => ProbePath.LinkLocal,
        NodeAddress => ProbePath.NodeAddress,
        _ => ProbePath.None,
    };
}
