namespace Ztunnel.Control;

/// <summary>
/// What one client may have of the authority's port, a client being an address: see <see cref="ClientGate.NameOf"/>. The agents of a
/// thousand nodes may be behind one, and all start at once.
/// </summary>
internal sealed record ClientLimits
{
    /// <summary>How many connections on which no call has had a good token yet are open at a time.</summary>
    public int Connections { get; init; } = 1024;

    /// <summary>
    /// How long a connection has for a call with a good token, the handshake and the review of that token included: whoever only holds it
    /// open leaves its place to the next.
    /// </summary>
    public TimeSpan FirstCall { get; init; } = TimeSpan.FromSeconds(5) + TokenAuthenticator.Longest;

    /// <summary>How many connections one caller may have for itself: several clients of one pod, and some that are about to end.</summary>
    public int ProvenConnections { get; init; } = 16;

    /// <summary>How often it may connect: what a handshake costs.</summary>
    public CallRate Connecting { get; init; } = new(PerSecond: 100, Burst: 2000);

    /// <summary>How many calls are under way on connections of the former kind: what eight agents make at once, before one of them has an answer.</summary>
    public int Calls { get; init; } = 1024;
}
