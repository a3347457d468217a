namespace Ztunnel.IO;

/// <summary>
/// TLS 1.3 over another channel, usually a <see cref="TcpConnection"/>, both sides authenticated by certificate. OpenSSL
/// runs the handshake and protects the records, which it opens into and seals from the loop's scratch memory, several at a
/// time. An idle connection holds no buffer.
/// </summary>
/// <remarks>
/// close_notify is <see cref="ReadStatus.End"/> and leaves our writing side open; a transport that ends without it is
/// <see cref="FailureKind.Truncated"/>. A peer's alert is <see cref="FailureKind.Tls"/>. In TLS 1.3 a client is done before
/// the server has judged its certificate, so a client learns from its first read that it was refused.
/// </remarks>
public sealed partial class TlsConnection : Channel
{
    private const sbyte Nothing = -1;

    // How long an ended connection waits for the peer's FIN, or for a refused peer to have read its alert.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    // How long the last bytes of a connection let go of may take to reach a peer that has ended.
    private static readonly TimeSpan SendPatience = TimeSpan.FromSeconds(30);

    private readonly TlsSession _session;
    private readonly TlsOutput _output;
    private ChannelFailure? _failure;
    private LoopTimer? _sending;
    private Block? _kept;
    private int _keptStart;
    private int _keptEnd;
    private int _lentLength;
    private sbyte _lentLevel = Nothing;
    private bool _lentKept;
    private bool _writeShut;
    private bool _released;

    private TlsConnection(Channel transport, TlsSession session, ReadOnlySpan<byte> unread)
        : base(transport.Loop)
    {
        Transport = transport;
        NegotiatedAlpn = session.Alpn;
        CipherSuite = session.CipherSuite;
        ServerName = session.ServerName;
        PeerCertificateDer = session.PeerCertificateDer;
        PeerRootDer = session.PeerRootDer;
        _session = session;
        _output = new TlsOutput(transport, session);
        OpenUnread(unread);
    }

    /// <summary>What carries the records. It belongs to this connection.</summary>
    public Channel Transport { get; }

    /// <summary>The peer's leaf certificate, DER-encoded.</summary>
    public ReadOnlyMemory<byte> PeerCertificateDer { get; }

    /// <summary>The trust root the peer's chain led to when it was verified, DER-encoded.</summary>
    public ReadOnlyMemory<byte> PeerRootDer { get; }

    /// <summary>The application protocol agreed on; null when the context offers none.</summary>
    public string? NegotiatedAlpn { get; }

    /// <summary>
    /// On a server that chooses by it (<see cref="TlsContextOptions.ByServerName"/>), the name the client asked for, lower case;
    /// null when it asked for none.
    /// </summary>
    public string? ServerName { get; }

    /// <summary>IANA name of the cipher suite agreed on.</summary>
    public string CipherSuite { get; }

    /// <inheritdoc/>
    public override ChannelFailure? Failure => _failure ?? Transport.Failure;

    /// <inheritdoc/>
    public override ReadStatus TryRead(out Chunk chunk)
    {
        if (_lentLevel != Nothing || _lentKept)
            throw new InvalidOperationException("The last chunk was not consumed.");
        chunk = default;
        if (_kept is not null)
        {
            _lentKept = true;
            chunk = new Chunk(_kept.Bytes.AsSpan(0, _keptEnd), _keptStart);
            return ReadStatus.Data;
        }

        if (_failure is not null)
            return ReadStatus.Failed;
        if (_session.Ended)
            return ReadStatus.End;
        int level = Loop.Scratch.Rent();
        Span<byte> scratch = Loop.Scratch[level];
        ReadStatus status = Open(scratch[Chunk.StandardHeadroom..], out int length);
        if (status != ReadStatus.Data)
        {
            Loop.Scratch.Return(level);
            return status;
        }

        _lentLevel = (sbyte)level;
        _lentLength = length;
        chunk = new Chunk(scratch[..(Chunk.StandardHeadroom + length)], Chunk.StandardHeadroom);
        return ReadStatus.Data;
    }

    /// <inheritdoc/>
    public override void Consume(int count)
    {
        if (_lentKept)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_keptEnd - _keptStart), nameof(count));
            _lentKept = false;
            _keptStart += count;
            if (_keptStart == _keptEnd)
                DropKept();
        }
        else if (_lentLevel != Nothing)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)_lentLength, nameof(count));
            int level = _lentLevel;
            _lentLevel = Nothing;
            Keep(Loop.Scratch[level].AsSpan(Chunk.StandardHeadroom + count, _lentLength - count));
            Loop.Scratch.Return(level);
        }
        else if (_failure is null)
        {
            throw new InvalidOperationException("No chunk is lent.");
        }
    }

    /// <inheritdoc/>
    public override ValueTask WaitForReadAsync(CancellationToken cancellationToken = default) =>
        _kept is not null || _failure is not null || _session.Ended
            ? ValueTask.CompletedTask
            : Transport.WaitForReadAsync(cancellationToken);

    /// <inheritdoc/>
    public override int TryWrite(Chunk chunk)
    {
        if (_failure is not null)
            return chunk.Length;
        if (_writeShut)
            throw new InvalidOperationException("The writing side was shut down.");
        int taken = _output.Write(chunk.Bytes);
        if (_session.Failure is not { } failure)
            return taken;
        Abort(failure);
        return chunk.Length;
    }

    /// <inheritdoc/>
    public override ValueTask WaitForWriteAsync(CancellationToken cancellationToken = default) =>
        _failure is not null ? ValueTask.CompletedTask : _output.WaitAsync(cancellationToken);

    /// <inheritdoc/>
    public override void ShutdownWrite()
    {
        if (_writeShut || _failure is not null)
            return;
        _writeShut = true;
        _output.WriteCloseNotify();
        _output.WhenSent(Transport.ShutdownWrite);
    }

    /// <inheritdoc/>
    public override void Abort(ChannelFailure failure)
    {
        ArgumentNullException.ThrowIfNull(failure);
        if (_released)
            return;
        _failure ??= failure;
        Release();
        Transport.Abort(failure);
        Transport.Dispose();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_released)
        {
            // What the last read before a failure brought may still be here.
            DropKept();
            DropLoan();
            return;
        }

        if (!_session.Ended || _kept is not null || !_writeShut || _failure is not null)
        {
            Abort(new ChannelFailure(FailureKind.Closed, "closed"));
            return;
        }

        _failure = new ChannelFailure(FailureKind.Closed, "closed");
        DropLoan();
        _output.WhenSent(End);
        if (!_released)
            _sending = Loop.Schedule(SendPatience, static state => ((TlsConnection)state!).GiveUp(), this);
    }

    private void GiveUp() => Abort(new ChannelFailure(FailureKind.TimedOut, "the peer did not take the connection's last bytes in time"));

    private void End()
    {
        Release();
        _ = LingerAsync(Transport);
    }

    /// <summary>Reads what the transport has, until it makes application bytes or there is no more.</summary>
    private ReadStatus Open(Span<byte> target, out int length)
    {
        length = 0;
        while (true)
        {
            ReadStatus status = Transport.TryRead(out Chunk records);
            if (status == ReadStatus.Data)
            {
                length = _session.Read(records.Bytes, target, out int consumed);
                Transport.Consume(consumed);
                AfterRead();
            }

            if (length > 0)
                return ReadStatus.Data;
            if (_failure is not null)
                return ReadStatus.Failed;
            if (_session.Ended)
                return ReadStatus.End;
            switch (status)
            {
                case ReadStatus.Pending:
                    return ReadStatus.Pending;
                case ReadStatus.End:
                    Abort(new ChannelFailure(FailureKind.Truncated, "the connection ended without TLS close_notify"));
                    return ReadStatus.Failed;
                case ReadStatus.Failed:
                    Abort(Transport.Failure!);
                    return ReadStatus.Failed;
            }
        }
    }

    /// <summary>
    /// Sends what reading made us owe the peer, which is a key update of ours or the alert that says why it failed, and breaks
    /// the connection in that case.
    /// </summary>
    private void AfterRead()
    {
        byte[] reply = _writeShut ? [] : _session.TakeReply();
        if (_session.Failure is not { } failure)
        {
            if (!_output.TryWriteSealed(reply))
                Abort(new ChannelFailure(FailureKind.Tls, "the peer asks for key updates and does not read them"));
            return;
        }

        if (reply.Length == 0 || !_output.TryWriteSealed(reply))
        {
            Abort(failure);
            return;
        }

        _failure = failure;
        _output.WhenSent(End);
        TellBroken();
    }

    /// <summary>Opens what came with the handshake's last bytes.</summary>
    private void OpenUnread(ReadOnlySpan<byte> records)
    {
        if (records.IsEmpty)
            return;
        using ScratchLease opened = Loop.RentScratch();
        int length = _session.Read(records, opened.Span, out _);
        Keep(opened.Span[..length]);
        AfterRead();
    }

    /// <summary>Keeps bytes for the next read.</summary>
    private void Keep(ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty)
            return;
        _keptStart = Chunk.StandardHeadroom;
        _keptEnd = _keptStart + bytes.Length;
        _kept = Loop.Buffers.Rent(_keptEnd);
        bytes.CopyTo(_kept.Bytes.AsSpan(_keptStart));
    }

    private void DropKept()
    {
        _kept?.Dispose();
        _kept = null;
        _lentKept = false;
    }

    private void DropLoan()
    {
        if (_lentLevel != Nothing)
            Loop.Scratch.Return(_lentLevel);
        _lentLevel = Nothing;
    }

    /// <summary>Gives back all memory and keys.</summary>
    private void Release()
    {
        _released = true;
        _sending?.Dispose();
        DropKept();
        DropLoan();
        _session.Dispose();
        _output.Stop();
    }
}
