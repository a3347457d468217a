using System.CommandLine;
using Ztunnel.Proxy;

namespace Ztunnel;

/// <summary>The flags of <c>ztunnel node</c> that say how its data path behaves.</summary>
internal sealed class ProxyFlags
{
    private static readonly ProxyOptions Defaults = new();

    private readonly Option<string> _sameNode;
    private readonly Option<bool> _policyCuts;
    private readonly Option<double> _halfClosed = NumberFlag.Create(
        "--half-closed-timeout",
        Defaults.HalfClosedTimeout.TotalSeconds,
        min: 0,
        max: 31_536_000,
        "Seconds without a byte after which a connection is broken off once one side has ended; 0 for never.");

    private readonly Option<int> _connections = NumberFlag.Create(
        "--max-connections", Defaults.Limits.Connections, 0, int.MaxValue, "Connections one pod may have open, each way; 0 for no limit.");

    private readonly Option<int> _rate = NumberFlag.Create(
        "--max-connection-rate", Defaults.Limits.ConnectionsPerSecond, 0, 100_000_000, "New connections a second one pod may make, each way; 0 for no limit.");

    private readonly Option<int> _handshakes = NumberFlag.Create(
        "--max-handshakes",
        Defaults.Limits.HandshakesPerWorker,
        0,
        int.MaxValue,
        "Peers that may be in their TLS handshake with one pod, on each worker; those that take longest go first. 0 for no limit.");

    private readonly Option<long> _held = NumberFlag.Create(
        "--max-held-bytes", Defaults.Limits.HeldBytes, 0, long.MaxValue, "Bytes held for receivers of one pod's connections; 0 for no limit.");

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
        foreach (Option flag in new Option[] { _sameNode, _policyCuts, _halfClosed, _connections, _rate, _handshakes, _held })
            command.Add(flag);
    }

    /// <summary>What they were set to.</summary>
    public ProxyOptions Read(ParseResult parsed) => new()
    {
        SameNode = parsed.GetRequiredValue(_sameNode) == "tunnel" ? SameNodePath.Tunnel : SameNodePath.Direct,
        PolicyCutsOpenConnections = parsed.GetRequiredValue(_policyCuts),
        HalfClosedTimeout = parsed.GetRequiredValue(_halfClosed) is > 0 and var seconds ? TimeSpan.FromSeconds(seconds) : Timeout.InfiniteTimeSpan,
        Limits = new WorkloadLimits
        {
            Connections = parsed.GetRequiredValue(_connections),
            ConnectionsPerSecond = parsed.GetRequiredValue(_rate),
            HandshakesPerWorker = parsed.GetRequiredValue(_handshakes),
            HeldBytes = parsed.GetRequiredValue(_held),
        },
    };
}
