namespace Ztunnel.IO;

/// <summary>Why a channel broke: the closed set of reasons that decide what the other side of a relay is shown.</summary>
public enum FailureKind
{
    /// <summary>The peer answered the connect with RST (ECONNREFUSED).</summary>
    Refused,

    /// <summary>No route to the peer (EHOSTUNREACH, ENETUNREACH).</summary>
    Unreachable,

    /// <summary>A deadline passed, ours or the kernel's (ETIMEDOUT).</summary>
    TimedOut,

    /// <summary>The peer reset an established connection or stream (RST, RST_STREAM).</summary>
    Reset,

    /// <summary>The transport ended without the orderly end its protocol asks for (TLS truncation, GOAWAY mid-stream).</summary>
    Truncated,

    /// <summary>The TLS handshake or a TLS record failed.</summary>
    Tls,

    /// <summary>The peer's certificate was refused by our rule.</summary>
    PeerRefused,

    /// <summary>The peer broke its protocol (an HTTP/2 connection error).</summary>
    Protocol,

    /// <summary>We closed the channel ourselves.</summary>
    Closed,

    /// <summary>Out of descriptors, addresses or memory, or another local error.</summary>
    Local,
}

/// <summary>Why a channel broke.</summary>
/// <param name="Kind">The class of failure.</param>
/// <param name="Detail">One line for a person, without secrets: the errno's text, the TLS alert, the refused identity.</param>
public sealed record ChannelFailure(FailureKind Kind, string Detail)
{
    /// <inheritdoc/>
    public override string ToString() => Detail;
}

/// <summary>A channel failure thrown where a result could not be returned as a status.</summary>
public sealed class ChannelException(ChannelFailure failure) : IOException(failure.Detail)
{
    /// <summary>What failed.</summary>
    public ChannelFailure Failure { get; } = failure;
}
