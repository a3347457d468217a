namespace Ztunnel.Hbone.Pool;

/// <summary>How many connections an <see cref="HbonePool{TKey}"/> keeps, for how long, and how it treats peers that cannot be reached.</summary>
public sealed record HbonePoolOptions
{
    /// <summary>The defaults.</summary>
    public static HbonePoolOptions Default { get; } = new();

    /// <summary>How each connection behaves.</summary>
    public HboneOptions Connection { get; init; } = HboneOptions.Default;

    /// <summary>
    /// Connections a key may have because the others carry bulk, so that a transfer's queue is not in front of everybody.
    /// Peers spread connections over their threads, so this also lets several transfers use several of them.
    /// </summary>
    public int ConnectionsForBulk { get; init; } = 4;

    /// <summary>Connections a key may have because the others carry as many tunnels as the peer allows.</summary>
    public int MaxConnectionsPerKey { get; init; } = 128;

    /// <summary>A connection that moved more bytes than this in the last half second carries bulk.</summary>
    public long BulkBytes { get; init; } = 1024 * 1024;

    /// <summary>How long an open may wait for a connection: its handshake, or a free place on one.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a connection may be without a tunnel before it is closed. ztunnel's default; Istio recommends 15 s where addresses are reused fast.</summary>
    public TimeSpan IdleTimeout { get; init; } = TimeSpan.FromSeconds(300);

    /// <summary>
    /// How long opens fail at once, with the last failure, after a first failed connect. Doubles with each further failure
    /// and is shortened at random by up to half, so that many nodes do not come back as one.
    /// </summary>
    public TimeSpan FirstBackoff { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>The most it doubles to: a peer that comes back is reached again within this.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(1);
}
