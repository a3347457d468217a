using System.CommandLine;

namespace Ztunnel;

/// <summary>The flags of <c>ztunnel node</c> that say which pods it enrols, and how it finds them.</summary>
internal sealed class EnrolmentFlags
{
    private readonly Option<string?> _proc = new("--proc")
    {
        Description = "Where the node's /proc is: pods' network namespaces are found by their processes there, and the annotation is not looked at.",
    };

    /// <summary>Gives a command these flags.</summary>
    public void AddTo(Command command) => command.Add(_proc);

    /// <summary>The options with what the flags say.</summary>
    public NodeAgentOptions Read(ParseResult parsed, NodeAgentOptions options) => options with { Proc = parsed.GetValue(_proc) };
}
