namespace Ztunnel.Hbone.Wire;

/// <summary>What a violation of the protocol costs (RFC 9113 section 5.4).</summary>
public enum ViolationScope
{
    /// <summary>The connection: GOAWAY and close.</summary>
    Connection,

    /// <summary>One stream: RST_STREAM, or a refusing response where the stream is a request that was read whole.</summary>
    Stream,
}

/// <summary>
/// How a peer broke HTTP/2 or HPACK, and what the RFC answers. Readers return null when nothing is wrong, so that hostile
/// input costs neither an exception nor an allocation: every instance is made once, in
/// <see cref="Violations"/> or, where it takes the connection's state to see it, <see cref="ConnectionViolations"/>.
/// </summary>
/// <param name="Scope">Whether the connection or only the stream is lost.</param>
/// <param name="Code">The code to send in GOAWAY or RST_STREAM.</param>
/// <param name="Detail">One line for the log; constant text, nothing of the peer's bytes.</param>
public sealed record Violation(ViolationScope Scope, ErrorCode Code, string Detail);
