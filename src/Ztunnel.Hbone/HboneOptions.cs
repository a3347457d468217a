namespace Ztunnel.Hbone;

/// <summary>
/// How one end of an HBONE connection behaves: what it advertises, how much it holds, and what it puts up with. The
/// defaults suit two nodes of ours and are accepted by ztunnel, Envoy and Node; tests shorten the times.
/// </summary>
public sealed record HboneOptions
{
    /// <summary>The defaults.</summary>
    public static HboneOptions Default { get; } = new();

    /// <summary>
    /// SETTINGS_MAX_CONCURRENT_STREAMS of a server. Istio's ztunnel says 100; an idle tunnel costs us only some hundred
    /// bytes while a further TLS connection costs a handshake and tens of kilobytes, so this is higher.
    /// </summary>
    public int MaxConcurrentStreams { get; init; } = 1_000;

    /// <summary>Streams a client opens before the server's SETTINGS have said how many it takes.</summary>
    public int AssumedPeerStreamLimit { get; init; } = 100;

    /// <summary>SETTINGS_INITIAL_WINDOW_SIZE: bytes a stream may have in flight before its consumer has shown that it keeps up.</summary>
    public int InitialStreamWindow { get; init; } = 256 * 1024;

    /// <summary>What a stream's receive window may grow to while its consumer keeps up, in bytes.</summary>
    public int MaxStreamWindow { get; init; } = 4 * 1024 * 1024;

    /// <summary>The connection's receive window, in bytes, at least 65,535. It is replenished on receipt, not on consumption.</summary>
    public int ConnectionWindow { get; init; } = 16 * 1024 * 1024;

    /// <summary>
    /// Bytes received and not yet consumed, over all streams, above which the connection's window is no longer replenished
    /// on receipt. Bounds what a peer whose tunnels all stall can make us hold, to this plus one <see cref="ConnectionWindow"/>.
    /// </summary>
    public long MaxBuffered { get; init; } = 32 * 1024 * 1024;

    /// <summary>SETTINGS_MAX_FRAME_SIZE: largest frame payload taken, 16,384 to 2^24-1 bytes. DATA is passed on in pieces as it arrives.</summary>
    public int MaxFrameSize { get; init; } = 1024 * 1024;

    /// <summary>
    /// Largest DATA payload sent, in bytes, if the peer takes that much and the connection is fast enough for it not to be
    /// in the others' way. Fewer frames are cheaper: a fifth less CPU per byte than with 16 KiB.
    /// </summary>
    public int MaxSendFrame { get; init; } = 256 * 1024;

    /// <summary>Bytes a stream may send per turn while others wait for the same connection.</summary>
    public int WriteQuantum { get; init; } = 64 * 1024;

    /// <summary>SETTINGS_MAX_HEADER_LIST_SIZE, in bytes as RFC 9113 counts them. An HBONE request is a few hundred.</summary>
    public int MaxHeaderListSize { get; init; } = 16 * 1024;

    /// <summary>How long the peer may take over its preface and SETTINGS, the acknowledgement of ours, and a header block it began.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a CONNECT may wait for its answer before the stream is reset and the open fails as timed out.</summary>
    public TimeSpan OpenTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long nothing may arrive before a PING asks; <see cref="Timeout.InfiniteTimeSpan"/> for never.</summary>
    public TimeSpan KeepAliveInterval { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long that PING may go unanswered before the connection is given up.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long a peer may leave us no window while data is waiting: past that the stream, or with the connection's window
    /// the connection, is reset. Nothing is buffered for it meanwhile, so this is long: a paused download is not abuse.
    /// <see cref="Timeout.InfiniteTimeSpan"/> for no bound.
    /// </summary>
    public TimeSpan StallTimeout { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a connection that said GOAWAY may take to end in order before it is broken off.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How often the timeouts above are looked at.</summary>
    public TimeSpan ClockPeriod { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Streams a client may spoil (reset before they were answered, malformed, or broken by a violation) in a burst, which is
    /// twice what it may have open at once. After that its streams are refused, and a violation ends the connection with
    /// ENHANCE_YOUR_CALM (CVE-2023-44487); so does insisting, as a refused stream is a frame that moves nothing.
    /// </summary>
    public int SpoiledStreamBurst { get; init; } = 2_000;

    /// <summary>Spoiled streams forgiven per second. Each that is answered with success makes up for one besides.</summary>
    public int SpoiledStreamRate { get; init; } = 500;

    /// <summary>
    /// Frames that move nothing (PING, SETTINGS, empty DATA, unknown types, frames for closed streams) a peer may send in a
    /// burst before the connection ends with ENHANCE_YOUR_CALM (CVE-2019-9512, 9515, 9518).
    /// </summary>
    public int IdleFrameBurst { get; init; } = 2_000;

    /// <summary>Such frames forgiven per second.</summary>
    public int IdleFrameRate { get; init; } = 200;

    /// <summary>Bytes of answers (acknowledgements, resets, refusals) queued for a peer that does not read before it is broken off.</summary>
    public int MaxQueuedAnswers { get; init; } = 64 * 1024;
}
