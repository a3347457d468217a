using System.CommandLine;
using Ztunnel.Proxy;

namespace Ztunnel;

/// <summary>The flags of <c>ztunnel node</c> that say how its data path behaves.</summary>
internal sealed class ProxyFlags
{
    private readonly Option<string> _sameNode;
    private readonly Option<bool> _policyCuts;

    public ProxyFlags()
    {
        _sameNode = new Option<string>("--same-node")
        {
            Description = "How a connection gets from one pod of this node to another: direct, from socket to socket, "
                + "or tunnel, through TLS as between nodes.",
            DefaultValueFactory = _ => "direct",
        };
        _sameNode.AcceptOnlyFromAmong("direct", "tunnel");
        _policyCuts = new Option<bool>("--policy-cuts-open-connections")
        {
            Description = "Whether open connections that a change of policy would not let in any more are cut.",
            DefaultValueFactory = _ => true,
        };
    }

    /// <summary>Adds the flags to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_sameNode);
        command.Add(_policyCuts);
    }

    /// <summary>What they were set to.</summary>
    public ProxyOptions Read(ParseResult parsed) => new()
    {
        SameNode = parsed.GetRequiredValue(_sameNode) == "tunnel" ? SameNodePath.Tunnel : SameNodePath.Direct,
        PolicyCutsOpenConnections = parsed.GetRequiredValue(_policyCuts),
    };
}
