namespace Ztunnel.IO;

/// <content>How a connection begins, and how its transport is let go.</content>
public sealed partial class TlsConnection
{
    // A refused peer may have sent this much before it hears so.
    private const int MostDiscarded = 1 << 20;

    /// <summary>
    /// Runs the client's side of a handshake over <paramref name="transport"/>, which from now on belongs to the connection,
    /// and is closed when this fails. Loop thread only.
    /// </summary>
    /// <param name="transport">A connected channel on the current loop.</param>
    /// <param name="context">Our certificate, trust roots and rule.</param>
    /// <param name="expectation">Handed to the context's <see cref="IPeerVerifier"/>: whom the caller expects to find.</param>
    /// <param name="timeout">For the whole handshake.</param>
    /// <param name="cancellationToken">Gives up with <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="ChannelException">
    /// <see cref="FailureKind.PeerRefused"/> when our rule refused the peer, <see cref="FailureKind.Tls"/> with the alert when
    /// the peer refused us or the handshake went wrong, <see cref="FailureKind.Truncated"/>, <see cref="FailureKind.TimedOut"/>,
    /// <see cref="FailureKind.Local"/> when the context has no certificate, or the transport's own failure.
    /// </exception>
    public static ValueTask<TlsConnection> ConnectAsync(
        Channel transport, TlsContext context, object? expectation, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        HandshakeAsync(transport, context, isServer: false, expectation, timeout, cancellationToken);

    /// <summary>
    /// Runs the server's side of a handshake; as <see cref="ConnectAsync"/>. A peer that presents no certificate is refused unless
    /// the context asks for none.
    /// </summary>
    public static ValueTask<TlsConnection> AcceptAsync(
        Channel transport, TlsContext context, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        HandshakeAsync(transport, context, isServer: true, expectation: null, timeout, cancellationToken);

    private static async ValueTask<TlsConnection> HandshakeAsync(
        Channel transport, TlsContext context, bool isServer, object? expectation, TimeSpan timeout, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(context);
        // From the first byte: what comes along with the end of the handshake is opened in one go.
        if (transport is TcpConnection tcp)
            tcp.ReadLimit = tcp.Loop.ScratchSize - LoopBuffers.SmallBlock;
        TlsSession? session = null;
        try
        {
            using LoopTimer deadline = transport.Loop.Schedule(timeout, static state => TimeOut((Channel)state!), transport);
            session = context.Begin(isServer, expectation);
            HandshakeTurn turn = Advance(session, default);
            while (true)
            {
                if (turn.Output.Length > 0)
                    await transport.WriteAsync(turn.Output, cancellationToken);
                if (turn.Step != TlsHandshakeStep.Read)
                    break;
                while (!TryTurn(session, transport, ref turn))
                    await transport.WaitForReadAsync(cancellationToken);
            }

            // OpenSSL minds a peer that chooses another protocol, but not one that chooses none at all.
            bool agreed = session.Alpn is not null || context.Options.Alpn.Count == 0 || (isServer && context.Options.AlpnOptional);
            if (turn.Step == TlsHandshakeStep.Done && agreed)
                return new TlsConnection(transport, session, turn.Unread);
            if (turn.Step == TlsHandshakeStep.Done)
                await transport.WriteAsync(CloseNotify(session), cancellationToken);
        }
        catch (Exception exception)
        {
            session?.Dispose();
            transport.Abort((exception as ChannelException)?.Failure ?? new ChannelFailure(FailureKind.Closed, "the TLS handshake was given up"));
            transport.Dispose();
            throw;
        }

        ChannelFailure failure = session.Failure ?? TlsSession.NoApplicationProtocol(context.Options);
        session.Dispose();
        transport.ShutdownWrite();
        _ = LingerAsync(transport);
        throw new ChannelException(failure);
    }

    private static byte[] CloseNotify(TlsSession session)
    {
        Span<byte> record = stackalloc byte[64];
        return record[..session.CloseNotify(record)].ToArray();
    }

    private static void TimeOut(Channel transport) =>
        transport.Abort(new ChannelFailure(FailureKind.TimedOut, "the TLS handshake was not finished in time"));

    /// <summary>Goes one turn further with the next bytes from the peer; false when there are none yet.</summary>
    private static bool TryTurn(TlsSession session, Channel transport, ref HandshakeTurn turn)
    {
        switch (transport.TryRead(out Chunk chunk))
        {
            case ReadStatus.Data:
                turn = Advance(session, chunk.Bytes);
                transport.Consume(chunk.Length);
                return true;
            case ReadStatus.End:
                throw new ChannelException(new ChannelFailure(FailureKind.Truncated, "the connection ended during the TLS handshake"));
            case ReadStatus.Failed:
                throw new ChannelException(transport.Failure!);
            default:
                return false;
        }
    }

    private static HandshakeTurn Advance(TlsSession session, ReadOnlySpan<byte> input)
    {
        using ScratchLease output = EventLoop.Current!.RentScratch();
        TlsHandshakeStep step = session.Advance(input, out int consumed, output.Span, out int written);
        return new HandshakeTurn(step, output.Span[..written].ToArray(), input[consumed..].ToArray());
    }

    /// <summary>What one step of a handshake left: bytes to send, and bytes that already belong to the time after it.</summary>
    private readonly record struct HandshakeTurn(TlsHandshakeStep Step, byte[] Output, byte[] Unread);

    /// <summary>
    /// Lets go of a transport we have ended: a close with bytes unread would make TCP send RST, which may overtake our
    /// close_notify or alert. So reads on, for a while, until the peer has ended too.
    /// </summary>
    private static async Task LingerAsync(Channel transport)
    {
        using LoopTimer deadline = transport.Loop.Schedule(
            Patience, static state => ((Channel)state!).Abort(new ChannelFailure(FailureKind.Closed, "closed")), transport);
        int discarded = 0;
        while (discarded < MostDiscarded)
        {
            ReadStatus status = transport.TryRead(out Chunk chunk);
            if (status is ReadStatus.End or ReadStatus.Failed)
                break;
            int length = chunk.Length;
            if (status == ReadStatus.Data)
                transport.Consume(length);
            else
                await transport.WaitForReadAsync();
            discarded += length;
        }

        transport.Dispose();
    }
}
