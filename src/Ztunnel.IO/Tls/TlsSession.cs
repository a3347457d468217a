using System.Runtime.InteropServices;
using System.Text;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>What a handshake needs next.</summary>
internal enum TlsHandshakeStep
{
    /// <summary>Bytes from the peer.</summary>
    Read,

    /// <summary>Nothing: both sides have authenticated each other.</summary>
    Done,

    /// <summary>Nothing: it failed; see <see cref="TlsSession.Failure"/>.</summary>
    Failed,
}

/// <summary>
/// One connection's <c>SSL</c>: the handshake, then records in both directions between the caller's memory and the caller's
/// memory. Holds at most the incomplete last record between calls, and otherwise no buffer (SSL_MODE_RELEASE_BUFFERS).
/// </summary>
internal sealed unsafe partial class TlsSession : IDisposable
{
    // Records without application bytes (key updates, tickets) taken at once, and how often one more: a new key every
    // second is far more than any peer needs.
    private const int MostBarren = 64;
    private static readonly TimeSpan BarrenForgiven = TimeSpan.FromSeconds(1);

    // A KeyUpdate that goes out ahead of application data.
    private const int KeyUpdateRecord = 5 + TlsRecord.Overhead;
    private const int LongestReply = 256;
    private const int ReasonNoPeerCertificate = 199;
    private const int ReasonCallbackFailed = 234;
    private const int ReasonNoApplicationProtocol = 235;
    private const int ReasonUnexpectedEnd = 294;

    private readonly TlsContext _context;
    private readonly object? _expectation;
    private readonly TlsWindow* _window;
    private nint _ssl;
    private GCHandle _self;
    private string? _refusal;
    private int _maxContent = TlsRecord.MaxContent;
    private int _overhead = TlsRecord.Overhead;
    private long _recordsSealed;
    private int _barren;
    private long _barrenSince;
    private byte[] _reply = [];

    /// <summary>Begins a handshake; OpenSSL takes a reference of its own to <paramref name="native"/>.</summary>
    public TlsSession(SslContextHandle native, TlsContext context, bool isServer, object? expectation)
    {
        _context = context;
        _expectation = expectation;
        Libcrypto.ClearErrors();
        _ssl = OpenSsl.NotNull(Libssl.New(native), "SSL_new");
        _window = (TlsWindow*)NativeMemory.AllocZeroed((nuint)sizeof(TlsWindow));
        nint bio = TlsBio.Create(_window);
        Libssl.SetBio(_ssl, bio, bio);
        if (isServer)
            Libssl.SetAcceptState(_ssl);
        else
            Libssl.SetConnectState(_ssl);
        _self = GCHandle.Alloc(this);
        _ = Libssl.SetData(_ssl, 0, GCHandle.ToIntPtr(_self));
    }

    /// <summary>Frees what native memory an abandoned connection left.</summary>
    ~TlsSession() => Free();

    /// <summary>Why the session cannot go on, or null.</summary>
    public ChannelFailure? Failure { get; private set; }

    /// <summary>True once the peer sent close_notify.</summary>
    public bool Ended { get; private set; }

    /// <summary>The peer's leaf certificate, DER-encoded, once it has been seen.</summary>
    public ReadOnlyMemory<byte> PeerCertificateDer { get; private set; }

    /// <inheritdoc cref="TlsConnection.PeerRootDer"/>
    public ReadOnlyMemory<byte> PeerRootDer { get; private set; }

    /// <inheritdoc cref="TlsConnection.ServerName"/>
    public string? ServerName { get; private set; }

    /// <summary>IANA name of the suite agreed on; valid when the handshake is done.</summary>
    public string CipherSuite => OpenSsl.Text(Libssl.CipherName(Libssl.CurrentCipher(_ssl))) ?? "unknown";

    /// <summary>The application protocol agreed on, or null.</summary>
    public string? Alpn
    {
        get
        {
            byte* name;
            uint length;
            Libssl.SelectedAlpn(_ssl, &name, &length);
            return length == 0 ? null : Encoding.ASCII.GetString(name, (int)length);
        }
    }

    /// <summary>
    /// Takes the handshake as far as <paramref name="input"/> allows. What it puts into <paramref name="output"/> is to be sent
    /// whatever the step, after a failure too: then it is the alert.
    /// </summary>
    public TlsHandshakeStep Advance(ReadOnlySpan<byte> input, out int consumed, Span<byte> output, out int written)
    {
        int result;
        int error;
        fixed (byte* from = input, to = output)
        {
            Lend(from, input.Length, to, output.Length);
            Libcrypto.ClearErrors();
            result = Libssl.DoHandshake(_ssl);
            error = result == 1 ? 0 : Libssl.GetError(_ssl, result);
            consumed = input.Length - _window->InputLength;
            written = output.Length - _window->OutputLength;
            TakeBack();
        }

        if (result == 1)
        {
            Finish();
            return TlsHandshakeStep.Done;
        }

        if (error == Libssl.ErrorWantRead)
            return TlsHandshakeStep.Read;
        Failure = Explain(OpenSsl.TakeError());
        return TlsHandshakeStep.Failed;
    }

    /// <summary>
    /// Opens the records in <paramref name="input"/> into <paramref name="output"/> and returns how many application bytes that
    /// made. All input is consumed unless the output, which must hold a full record, got full.
    /// </summary>
    public int Read(ReadOnlySpan<byte> input, Span<byte> output, out int consumed)
    {
        int produced = 0;
        byte* reply = stackalloc byte[LongestReply];
        fixed (byte* from = input, to = output)
        {
            Lend(from, input.Length, reply, LongestReply);
            // With room for a whole record each time, OpenSSL never keeps opened bytes.
            while (output.Length - produced >= TlsRecord.MaxContent && Failure is null && !Ended)
            {
                Libcrypto.ClearErrors();
                int count = Libssl.Read(_ssl, to + produced, output.Length - produced);
                if (count > 0)
                    produced += count;
                else if (!GoOn(Libssl.GetError(_ssl, count)))
                    break;
            }

            consumed = Failure is null && !Ended ? input.Length - _window->InputLength : input.Length;
            int owed = LongestReply - _window->OutputLength;
            TakeBack();
            if (owed > 0)
                _reply = [.. _reply, .. new ReadOnlySpan<byte>(reply, owed)];
        }

        return produced;
    }

    /// <summary>
    /// The sealed records that reading made us owe the peer: key updates it asked for, and the alert for
    /// <see cref="Failure"/> unless it was the peer that sent one. To be sent before anything sealed later.
    /// </summary>
    public byte[] TakeReply()
    {
        byte[] reply = _reply;
        _reply = [];
        return reply;
    }

    /// <summary>Room that surely suffices to seal <paramref name="content"/> bytes.</summary>
    public int Room(int content) => content + ((((content - 1) / _maxContent) + 1) * _overhead) + KeyUpdateRecord;

    /// <summary>
    /// Seals as much of <paramref name="content"/> as <paramref name="output"/> has room for; returns how much, and in
    /// <paramref name="written"/> how many bytes of output that made. Nothing is taken once the session has failed.
    /// </summary>
    public int Seal(ReadOnlySpan<byte> content, Span<byte> output, out int written)
    {
        written = 0;
        int count = Math.Min(content.Length, Fitting(output.Length));
        if (count <= 0)
            return 0;
        _recordsSealed += ((count - 1) / _maxContent) + 1;
        if (_recordsSealed > _context.Options.RecordsPerKey && _overhead == TlsRecord.Overhead)
        {
            _recordsSealed = 0;
            OpenSsl.Check(Libssl.KeyUpdate(_ssl, Libssl.KeyUpdateNotRequested), "SSL_key_update");
        }

        fixed (byte* from = content, to = output)
        {
            Lend(null, 0, to, output.Length);
            Libcrypto.ClearErrors();
            int taken = Libssl.Write(_ssl, from, count);
            written = output.Length - _window->OutputLength;
            TakeBack();
            if (taken == count)
                return taken;
        }

        Failure ??= Explain(OpenSsl.TakeError());
        return 0;
    }

    /// <summary>Seals close_notify and returns the record's length.</summary>
    public int CloseNotify(Span<byte> output)
    {
        fixed (byte* to = output)
        {
            Lend(null, 0, to, output.Length);
            Libcrypto.ClearErrors();
            _ = Libssl.Shutdown(_ssl);
            int written = output.Length - _window->OutputLength;
            TakeBack();
            return written;
        }
    }

    /// <summary>The failure of a handshake that agreed on no application protocol.</summary>
    public static ChannelFailure NoApplicationProtocol(TlsContextOptions options) =>
        new(FailureKind.Tls, $"the peer does not speak {string.Join(" or ", options.Alpn)} (ALPN)");

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Lend(byte* input, int inputLength, byte* output, int outputLength)
    {
        ObjectDisposedException.ThrowIf(_ssl == 0, this);
        *_window = new TlsWindow { Input = input, InputLength = inputLength, Output = output, OutputLength = outputLength };
    }

    private void TakeBack() => *_window = default;

    /// <summary>Takes what a read that brought no bytes says: true when another may bring some.</summary>
    private bool GoOn(int error)
    {
        switch (error)
        {
            case Libssl.ErrorWantRead:
                // Progress without bytes, such as a key update, leaves input to go on with.
                return _window->InputLength > 0 && TakeBarren();
            case Libssl.ErrorWantWrite:
                Failure = new ChannelFailure(FailureKind.Tls, "the peer asks for more answers at once than a peer in good faith");
                return false;
            case Libssl.ErrorZeroReturn:
                Ended = true;
                return false;
            default:
                Failure = Explain(OpenSsl.TakeError());
                return false;
        }
    }

    /// <summary>Counts a record that carried nothing; false when the peer makes us open too many of them.</summary>
    private bool TakeBarren()
    {
        TimeProvider time = EventLoop.Current!.TimeProvider;
        long now = time.GetTimestamp();
        if (_barren == 0)
            _barrenSince = now;
        if (++_barren <= MostBarren)
            return true;
        long forgiven = (long)(time.GetElapsedTime(_barrenSince, now) / BarrenForgiven);
        _barren -= (int)Math.Min(forgiven, _barren);
        _barrenSince = now;
        if (_barren <= MostBarren)
            return true;
        Failure = new ChannelFailure(FailureKind.Tls, "too many TLS records that carry nothing");
        return false;
    }

    /// <summary>Content bytes whose records fit into <paramref name="room"/>.</summary>
    private int Fitting(int room)
    {
        room -= KeyUpdateRecord;
        int full = room / (_maxContent + _overhead);
        int rest = room - (full * (_maxContent + _overhead)) - _overhead;
        return (full * _maxContent) + Math.Max(0, rest);
    }

    /// <summary>From here on nothing calls back: forget who we are, so that an abandoned session can be collected.</summary>
    private void Finish()
    {
        byte code = Libssl.MaximumFragmentLength(Libssl.Session(_ssl));
        if (code != 0)
            _maxContent = 256 << code;
        if (Libssl.Version(_ssl) != Libssl.Tls13)
            _overhead = TlsRecord.Tls12Overhead;
        _ = Libssl.SetData(_ssl, 0, 0);
        _self.Free();
    }

    private void Free()
    {
        if (_ssl == 0)
            return;
        Libssl.Free(_ssl);
        _ssl = 0;
        NativeMemory.Free(_window);
        if (_self.IsAllocated)
            _self.Free();
    }

    private ChannelFailure Explain(OpenSslError error)
    {
        if (_refusal is { } refusal)
            return new ChannelFailure(FailureKind.PeerRefused, refusal);
        if (error.PeerAlert is { } alert)
            return new ChannelFailure(FailureKind.Tls, $"the peer sent TLS alert {((TlsAlert)alert).Describe()}");
        return error.SslReason switch
        {
            ReasonNoPeerCertificate => new ChannelFailure(FailureKind.PeerRefused, "the peer presented no certificate"),
            // The callback that fails is the one that looks for ALPN in the ClientHello.
            ReasonNoApplicationProtocol or ReasonCallbackFailed => NoApplicationProtocol(_context.Options),
            ReasonUnexpectedEnd => new ChannelFailure(FailureKind.Truncated, "the connection ended without TLS close_notify"),
            _ => new ChannelFailure(FailureKind.Tls, $"{(_self.IsAllocated ? "the TLS handshake" : "TLS")} failed: {error.Text}"),
        };
    }
}
