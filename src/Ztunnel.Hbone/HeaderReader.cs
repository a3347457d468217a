using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone;

/// <summary>
/// Takes header blocks, whole or in CONTINUATION frames, through HPACK, and decides what they mean: a request that opens a
/// stream, the answer to one, or a violation. Every block is decoded, whatever becomes of it, to keep the tables in step.
/// </summary>
internal sealed class HeaderReader(HboneConnection connection) : IDisposable
{
    private readonly HeaderBlock _block = new(MaxBlock(connection.Options));
    private readonly HpackDecoder _decoder = new(4096, connection.Options.MaxHeaderListSize);

    /// <summary>When the block under way was begun, in milliseconds of the connection's wrapping clock; null if none is.</summary>
    public uint? BegunAt => _block.IsOpen ? _block.BegunAt : null;

    /// <summary>Longest encoded header block taken: more than any legal list takes, with room for lists worth a 431.</summary>
    public static int MaxBlock(HboneOptions options) => options.MaxHeaderListSize + (16 * 1024);

    /// <summary>Takes a HEADERS frame whose padding is off.</summary>
    public Violation? Take(in FrameHeader header, ReadOnlySpan<byte> fragment)
    {
        bool endStream = header.Has(FrameFlags.EndStream);
        return header.Has(FrameFlags.EndHeaders)
            ? Complete(header.StreamId, endStream, fragment)
            : _block.Begin(header.StreamId, endStream, fragment, connection.Now);
    }

    /// <summary>Takes a CONTINUATION frame.</summary>
    public Violation? Continue(in FrameSlice frame)
    {
        if (!_block.IsOpen)
            return ConnectionViolations.StrayContinuation;
        if (frame.Header.StreamId != _block.StreamId)
            return ConnectionViolations.HeaderBlockInterrupted;
        if (_block.Append(frame.Payload) is { } violation)
            return violation;
        if (!frame.Header.Has(FrameFlags.EndHeaders))
            return null;
        connection.Headers.Clear();
        Violation? undecodable = _decoder.Decode(_block.Bytes, connection.Headers);
        _block.Close();
        return Act(_block.StreamId, _block.EndStream, undecodable);
    }

    public void Dispose() => _block.Close();

    private Violation? Complete(int streamId, bool endStream, ReadOnlySpan<byte> block)
    {
        connection.Headers.Clear();
        return Act(streamId, endStream, _decoder.Decode(block, connection.Headers));
    }

    private Violation? Act(int streamId, bool endStream, Violation? undecodable)
    {
        if (undecodable is { Scope: ViolationScope.Connection })
            return undecodable;
        StreamState state = connection.Streams.Find(streamId, out HboneStream? stream);
        return state switch
        {
            StreamState.Open when stream!.RemoteEnded => ConnectionViolations.DataAfterEnd,
            StreamState.Open when connection.IsServer || stream!.IsConnected => ConnectionViolations.HeadersOnTunnel,
            StreamState.Open => undecodable ?? TakeAnswer(stream!, endStream),
            StreamState.ResetByUs => TakeLate(),
            StreamState.Closed when !connection.IsServer => TakeLate(),
            StreamState.Closed or StreamState.EndedByPeer => ConnectionViolations.HeadersOnClosedStream,
            _ when !connection.IsServer || (streamId & 1) == 0 => ConnectionViolations.StreamIdMisused,
            _ => TakeRequest(streamId, endStream, undecodable),
        };
    }

    /// <summary>Lets pass, for a charge, headers that change nothing: of a stream we have given up, or an interim answer.</summary>
    private Violation? TakeLate() =>
        connection.Abuse.TrySpendIdle(1, connection.Now) ? null : ConnectionViolations.TooManyIdleFrames;

    private Violation? TakeAnswer(HboneStream stream, bool endStream)
    {
        if (HeaderRules.CheckResponse(connection.Headers, out int status) is { } violation)
            return violation;
        if (status < 200)
        {
            if (endStream)
                return ConnectionViolations.InterimEndsStream;
            return TakeLate();
        }

        if (endStream)
            stream.EndRemote();
        (stream.Opening as PendingConnect)?.Answer(status);
        return null;
    }

    private Violation? TakeRequest(int streamId, bool endStream, Violation? undecodable)
    {
        connection.Streams.LastPeerId = streamId;
        if (!connection.Requests!.MayAccept)
            return ConnectionViolations.StreamRefused;
        if (undecodable is not null)
        {
            connection.Requests!.Refuse(streamId, endStream, 431);
            return connection.Abuse.TrySpendSpoiled(connection.Now) ? null : ConnectionViolations.TooManySpoiledStreams;
        }

        if (HeaderRules.CheckRequest(connection.Headers, out bool isConnect) is { } violation)
            return violation;
        if (!isConnect)
        {
            connection.Requests!.Refuse(streamId, endStream, 405);
            return connection.Abuse.TrySpendSpoiled(connection.Now) ? null : ConnectionViolations.TooManySpoiledStreams;
        }

        connection.Requests!.Open(streamId, endStream);
        return null;
    }
}
