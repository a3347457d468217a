namespace Ztunnel.Control;

/// <summary>How many reviews of tokens there may be.</summary>
internal sealed record ReviewLimits
{
    /// <summary>How many the API server is asked for at the same time.</summary>
    public int AtOnce { get; init; } = 64;

    /// <summary>How many are under way, those that wait to be asked for among them: the agents of more nodes than start in the time a review may take.</summary>
    public int UnderWay { get; init; } = 2_000;

    /// <summary>How many of these one client may have caused, which is an address, or a pod whose token was good before.</summary>
    public int EachUnderWay { get; init; } = 32;

    /// <summary>
    /// How often a client may call with what is not known to be good just now. A thousand agents behind one address are known within a
    /// minute, and one address has a sixth of the reviews there may be.
    /// </summary>
    public CallRate EachRate { get; init; } = new(PerSecond: 50, Burst: 500);

    /// <summary>How many answers are remembered.</summary>
    public int Kept { get; init; } = 20_000;
}
