namespace Ztunnel.Control;

/// <summary>What one client may have of the authority's port, a client being an address: see <see cref="ClientGate.NameOf"/>.</summary>
internal sealed record ClientLimits
{
    /// <summary>How many connections are open at a time: of many who are behind one address each has one.</summary>
    public int Connections { get; init; } = 256;

    /// <summary>How often it may connect: what a handshake costs.</summary>
    public CallRate Connecting { get; init; } = new(PerSecond: 20, Burst: 512);

    /// <summary>How many calls are under way: twice what a node's agent makes on its connection.</summary>
    public int Calls { get; init; } = 256;
}
