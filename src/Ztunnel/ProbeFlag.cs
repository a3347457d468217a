using System.CommandLine;
using System.CommandLine.Parsing;
using Ztunnel.Capture;

namespace Ztunnel;

/// <summary><c>--probes</c> of <c>ztunnel node</c>.</summary>
internal static class ProbeFlag
{
    public static Option<ProbePath> Create() => new("--probes")
    {
        Description = "How the kubelet's probes get to captured pods under STRICT: snat (rules on the node give its root processes' connections "
            + "a source address of their own), node-address (plaintext from an address of the node is let in), or none.",
        DefaultValueFactory = _ => ProbePath.LinkLocal,
        CustomParser = Parse,
    };

    private static ProbePath Parse(ArgumentResult result)
    {
        switch (result.Tokens[0].Value)
        {
            case "snat":
                return ProbePath.LinkLocal;
            case "node-address":
                return ProbePath.NodeAddress;
            case "none":
                return ProbePath.None;
            case var other:
                result.AddError($"--probes must be snat, node-address or none, got \"{other}\"");
                return default;
        }
    }
}
