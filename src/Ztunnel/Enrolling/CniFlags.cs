using System.CommandLine;
using Ztunnel.Capture;

namespace Ztunnel;

/// <summary>The flags that say where on a node its CNI plugins and their configurations are.</summary>
internal sealed class CniFlags
{
    private static readonly CniOptions Defaults = new() { RunDirectory = "" };

    private readonly Option<string> _bin = new("--cni-bin-dir")
    {
        Description = "Where the node's runtime looks for CNI plugins.",
        DefaultValueFactory = _ => Defaults.BinDirectory,
    };

    private readonly Option<string> _conf = new("--cni-conf-dir")
    {
        Description = "Where the node's runtime looks for network configurations.",
        DefaultValueFactory = _ => Defaults.ConfDirectory,
    };

    /// <summary>Gives a command these flags.</summary>
    public void AddDirectoriesTo(Command command)
    {
        command.Add(_bin);
        command.Add(_conf);
    }

    /// <summary>What the flags say.</summary>
    public CniOptions Read(ParseResult parsed, string runDirectory) => new()
    {
        RunDirectory = runDirectory,
        BinDirectory = parsed.GetRequiredValue(_bin),
        ConfDirectory = parsed.GetRequiredValue(_conf),
    };
}
