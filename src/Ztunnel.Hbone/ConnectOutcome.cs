using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>What became of a <see cref="ConnectRequest"/>.</summary>
public abstract record ConnectOutcome
{
    private ConnectOutcome()
    {
    }

    /// <summary>The peer answered with success: the tunnel stands.</summary>
    /// <param name="Stream">The tunnel, which is the caller's to dispose.</param>
    public sealed record Opened(HboneStream Stream) : ConnectOutcome;

    /// <summary>The peer answered with another status: 401 or 403 by its policy, 503 when it could not connect.</summary>
    /// <param name="Status">The HTTP status, 300 to 599.</param>
    public sealed record Refused(int Status) : ConnectOutcome;

    /// <summary>
    /// The peer did not look at the request (REFUSED_STREAM, or beyond the last stream of its GOAWAY), or it was never sent:
    /// safe to try again on another connection.
    /// </summary>
    /// <param name="Failure">Why.</param>
    public sealed record NotProcessed(ChannelFailure Failure) : ConnectOutcome;

    /// <summary>The stream or its connection broke before there was an answer, or the answer took too long.</summary>
    /// <param name="Failure">Why.</param>
    public sealed record Failed(ChannelFailure Failure) : ConnectOutcome;
}
