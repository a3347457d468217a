using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.Hbone.Flow;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;

namespace Ztunnel.Hbone;

/// <summary>
/// One HTTP/2 connection that carries CONNECT tunnels (RFC 9113), as client or server, over any <see cref="Channel"/> whose
/// loop it lives on. Starting one takes the transport over: it is closed when the connection ends. Loop thread only.
/// </summary>
public sealed class HboneConnection
{
    private const int SpareInboxes = 16;

    private readonly ConnectionLifetime _lifetime;
    private readonly Stack<StreamInbox> _inboxes = new();
    private readonly HpackEncoder _encoder = new();
    private readonly long _millisecond;
    private readonly long _startedAt;
    private bool _settingsAcknowledged;

    private HboneConnection(Channel transport, Func<IncomingConnect, ValueTask>? handler, HboneOptions options, ILogger? logger)
    {
        Transport = transport;
        Options = options;
        Logger = logger ?? NullLogger.Instance;
        _millisecond = Math.Max(Loop.TimeProvider.TimestampFrequency / 1000, 1);
        _startedAt = Timestamp;
        Requests = handler is null ? null : new RequestIntake(this, handler);
        Abuse = new ConnectionAbuse(options, Now);
        Heartbeat = new Heartbeat(this);
        Streams = new StreamTable(IsServer);
        Writer = new ConnectionWriter(this);
        Reader = new ConnectionReader(this);
        _lifetime = new ConnectionLifetime(this);
    }

    /// <summary>The loop the connection lives on.</summary>
    public EventLoop Loop => Transport.Loop;

    /// <summary>What carries the connection; a <c>TlsConnection</c> knows the peer's identity.</summary>
    public Channel Transport { get; }

    /// <summary>How this end behaves.</summary>
    public HboneOptions Options { get; }

    /// <summary>True at the end that accepts tunnels.</summary>
    public bool IsServer => Requests is not null;

    /// <summary>Tunnels that are open, or being opened.</summary>
    public int OpenStreams => Streams.Count;

    /// <summary>Tunnels the server lets a client have open at once.</summary>
    public int StreamLimit => Peer.MaxConcurrentStreams ?? Options.AssumedPeerStreamLimit;

    /// <summary>
    /// True on a client that can open a tunnel now: not while so much lies unread in those there are, here or at the peer, that
    /// a further one would move nothing.
    /// </summary>
    public bool CanOpen => !IsServer && !IsDraining && Streams.Count < StreamLimit && !IsClogged;

    /// <summary>True once either end has said that it wants no more tunnels here, or the connection is gone.</summary>
    public bool IsDraining => _lifetime.Phase != ConnectionPhase.Open;

    /// <summary>True once the transport was let go of.</summary>
    public bool IsClosed => _lifetime.Phase == ConnectionPhase.Closed;

    /// <summary>True once the peer's SETTINGS have arrived: it speaks HTTP/2.</summary>
    public bool IsEstablished => Peer.Received;

    /// <summary>The last round-trip time measured, or null before the first.</summary>
    public TimeSpan? RoundTripTime => Heartbeat.RoundTripTime;

    /// <summary>Bytes received and lying unread in tunnels.</summary>
    public long UnreadBytes => Reader.Window.Buffered;

    /// <summary>Why the connection broke; null while it has not, and after an orderly end.</summary>
    public ChannelFailure? Failure => _lifetime.Failure;

    /// <summary>Completes, on the loop, when the transport has been let go of, for whatever reason. Never faults.</summary>
    public Task Completion => _lifetime.Completion;

    internal ILogger Logger { get; }

    internal ConnectionLifetime Lifetime => _lifetime;

    internal ConnectionWriter Writer { get; }

    internal ConnectionReader Reader { get; }

    /// <summary>The server's half; null on a client.</summary>
    internal RequestIntake? Requests { get; }

    internal StreamTable Streams { get; }

    internal PeerSettings Peer { get; } = new();

    internal ConnectionAbuse Abuse { get; }

    internal Heartbeat Heartbeat { get; }

    internal LoadMeter Meter { get; } = new();

    /// <summary>The transport's chunk while it is being read.</summary>
    internal LentChunk Lent { get; } = new();

    /// <summary>Working storage for one field section.</summary>
    internal HeaderList Headers { get; } = new();

    /// <summary>Who is told of changes: the pool.</summary>
    internal IConnectionObserver? Observer { get; set; }

    /// <summary>Too little is unread to worry about memory.</summary>
    internal bool MayGrowWindows => Reader.Window.Buffered < Options.MaxBuffered / 4;

    /// <summary>The clock's reading, in the time provider's units.</summary>
    internal long Timestamp => Loop.TimeProvider.GetTimestamp();

    /// <summary>The clock's reading in milliseconds; wraps after 49 days.</summary>
    internal uint Now => (uint)(Timestamp / _millisecond);

    private bool IsClogged => Reader.Window.IsWithholding || Writer.IsStarved;

    /// <summary>True until both ends have exchanged and acknowledged SETTINGS.</summary>
    internal bool IsShakingHands => !Peer.Received || !_settingsAcknowledged;

    /// <summary>Receive window the peer gives a new stream: ours from when it acknowledged it, and no less than the initial one before.</summary>
    internal int LocalInitialWindow =>
        _settingsAcknowledged ? Options.InitialStreamWindow : Math.Max(Options.InitialStreamWindow, ConnectionWindow.Initial);

    /// <summary>Starts a connection as the client. The preface goes out at once; tunnels can be opened without waiting for the peer's.</summary>
    public static HboneConnection Connect(Channel transport, HboneOptions? options = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(transport);
        HboneConnection connection = new(transport, null, options ?? HboneOptions.Default, logger);
        connection.Writer.SendPreface();
        connection.Start(new Setting(SettingId.EnablePush, 0));
        return connection;
    }

    /// <summary>
    /// Starts a connection as the server. <paramref name="handler"/> is run on the loop for each CONNECT and answers it, now
    /// or later; if it ends without having answered, or throws, the client is told 500.
    /// </summary>
    public static HboneConnection Serve(
        Channel transport, Func<IncomingConnect, ValueTask> handler, HboneOptions? options = null, ILogger? logger = null)
    {
        ArgumentNullException.ThrowIfNull(transport);
        ArgumentNullException.ThrowIfNull(handler);
        HboneConnection connection = new(transport, handler, options ?? HboneOptions.Default, logger);
        connection.Start(new Setting(SettingId.MaxConcurrentStreams, (uint)connection.Options.MaxConcurrentStreams));
        return connection;
    }

    /// <summary>
    /// Asks the server for a tunnel and waits for its answer, up to <see cref="HboneOptions.OpenTimeout"/>. When
    /// <see cref="CanOpen"/> is false nothing is sent and the outcome is <see cref="ConnectOutcome.NotProcessed"/>. Throws
    /// <see cref="ArgumentException"/> for an authority or a header that cannot be sent.
    /// </summary>
    public async ValueTask<ConnectOutcome> OpenAsync(ConnectRequest request, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (!CanOpen)
            return new ConnectOutcome.NotProcessed(Failure ?? new ChannelFailure(FailureKind.Closed, "the connection takes no further streams"));
        Headers.Clear();
        Headers.Add(KnownHeader.Method, "CONNECT");
        Headers.Add(KnownHeader.Authority, request.Authority);
        for (int i = 0; i < request.Headers.Count; i++)
            Headers.Add(request.Headers[i].Name, request.Headers[i].Value);
        HboneStream stream = new(this, Streams.TakeId(), Peer.InitialWindow, LocalInitialWindow);
        PendingConnect pending = new(stream);
        stream.Opening = pending;
        Streams.Add(stream);
        SendHeaders(stream.Id, endStream: false, isAnswer: false);
        Abuse.RefundIdle(4);
        if (!Streams.HasNextId)
            Retire();
        try
        {
            return await pending.WaitAsync(Options.OpenTimeout, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            stream.Opening = null;
            stream.Dispose();
            throw;
        }
    }

    /// <summary>True while the connection carries bulk: writers are held up, or more than <paramref name="bytes"/> moved in the last half second.</summary>
    public bool IsBusy(long bytes) => Writer.IsHeldUp || Meter.Recent(Now) > bytes;

    /// <summary>
    /// Ends the connection gracefully: a server sends GOAWAY without a limit, then, one round trip later, with the last
    /// stream it took; further streams are refused, those there are go on until they end or <paramref name="deadline"/>
    /// passes, when they are reset. Completes with <see cref="Completion"/>.
    /// </summary>
    public Task DrainAsync(TimeSpan deadline) => _lifetime.DrainAsync(deadline);

    /// <summary>Takes no further tunnels from now on, tells the peer so, and closes when the last one has ended.</summary>
    public void Retire() => _lifetime.Retire();

    /// <summary>Breaks the connection and its tunnels off at once.</summary>
    public void Abort(ChannelFailure failure) => _lifetime.Abort(failure);

    /// <summary>Sends what is in <see cref="Headers"/>.</summary>
    internal void SendHeaders(int streamId, bool endStream, bool isAnswer) =>
        Writer.SendHeaders(streamId, _encoder, Headers, endStream, isAnswer);

    /// <summary>Resets one stream for a violation; <paramref name="stream"/> is null if it is closed already or never was.</summary>
    internal void BreakStream(int streamId, HboneStream? stream, Violation violation)
    {
        if (stream is not null)
        {
            ResetStream(stream, violation.Code);
            string detail = $"{ResetCodes.Name(violation.Code)}: {violation.Detail}";
            FailStream(stream, new ChannelFailure(FailureKind.Protocol, detail), processed: true);
        }
        else
        {
            Writer.ResetStream(streamId, violation.Code);
            Streams.NoteReset(streamId);
        }

        bool refused = violation.Code == ErrorCode.RefusedStream;
        if (refused ? !Abuse.TrySpendIdle(1, Now) : !Abuse.TrySpendSpoiled(Now))
            Break(ErrorCode.EnhanceYourCalm, ConnectionViolations.TooManySpoiledStreams.Detail);
    }

    /// <summary>The peer broke the protocol, or is abusive: says so in GOAWAY, fails the tunnels and closes.</summary>
    internal void Break(ErrorCode code, string detail) => _lifetime.Break(code, detail);

    /// <summary>Resets a stream and forgets it.</summary>
    internal void ResetStream(HboneStream stream, ErrorCode code)
    {
        Writer.ResetStream(stream.Id, code);
        Streams.NoteReset(stream.Id);
        Forget(stream);
    }

    /// <summary>Tells the stream, and whoever opens it, that it is broken.</summary>
    internal static void FailStream(HboneStream stream, ChannelFailure failure, bool processed, bool withoutError = false)
    {
        IOpening? opening = stream.Opening;
        stream.Fail(failure, withoutError);
        opening?.Broken(failure, processed);
    }

    /// <summary>A stream has ended both ways or was reset.</summary>
    internal void Forget(HboneStream stream)
    {
        if (!Streams.Remove(stream))
            return;
        stream.MarkClosed();
        if (stream.RemoteEnded)
            Streams.NoteEndedByPeer(stream.Id);
        Requests?.OnForgotten(stream);
        Abuse.RefundIdle(2);
        Observer?.CapacityChanged(this);
        _lifetime.FinishIfIdle();
    }

    /// <summary>The peer reset a stream.</summary>
    internal void OnReset(HboneStream stream, ErrorCode code)
    {
        // One that was answered has done what it was opened for: health checks and scanners end so.
        if (IsServer && !stream.IsConnected)
            Abuse.NoteSpoiled(Now);
        bool complete = code == ErrorCode.NoError && stream.RemoteEnded;
        if (!stream.RemoteEnded)
            Streams.NoteEndedByPeer(stream.Id);
        Forget(stream);
        ChannelFailure failure = new(FailureKind.Reset, $"the peer reset the stream: {ResetCodes.Name(code)}");
        FailStream(stream, failure, processed: code != ErrorCode.RefusedStream, withoutError: complete);
    }

    /// <summary>The peer's SETTINGS arrived, checked.</summary>
    internal Violation? OnSettings(ReadOnlySpan<byte> payload)
    {
        int change = Peer.Apply(payload, _encoder);
        Writer.SetMaxFrame(Math.Min(Peer.MaxFrameSize, Options.MaxSendFrame));
        Writer.AcknowledgeSettings();
        if (change != 0)
        {
            foreach (HboneStream stream in Streams.All())
            {
                if (!stream.IsClosed && !stream.TryAddSendWindow(change))
                    return ConnectionViolations.InitialWindowOverflow;
            }
        }

        Observer?.CapacityChanged(this);
        return null;
    }

    /// <summary>Our SETTINGS were acknowledged; false if they had been already.</summary>
    internal bool OnSettingsAcknowledged()
    {
        if (_settingsAcknowledged)
            return false;
        int before = LocalInitialWindow;
        _settingsAcknowledged = true;
        Heartbeat.NoteRoundTrip(_startedAt, Timestamp);
        int change = LocalInitialWindow - before;
        if (change == 0)
            return true;
        foreach (HboneStream stream in Streams.All())
            stream.ResizeReceiveWindow(change);
        return true;
    }

    /// <summary>Counts bytes that now lie unread, or with a negative number no longer do.</summary>
    internal void Buffered(int count)
    {
        bool relieved = Reader.Window.AddBuffered(count);
        if (count < 0 && _lifetime.IsReading && Reader.Window.Announce() is > 0 and int increment)
            Writer.UpdateWindow(0, increment);
        if (relieved)
            Observer?.CapacityChanged(this);
    }

    internal StreamInbox RentInbox() => _inboxes.TryPop(out StreamInbox? inbox) ? inbox : new StreamInbox();

    internal void ReturnInbox(StreamInbox inbox)
    {
        if (_inboxes.Count < SpareInboxes)
            _inboxes.Push(inbox);
    }

    private void Start(Setting ownSetting)
    {
        Writer.SendSettings(
        [
            ownSetting,
            new Setting(SettingId.InitialWindowSize, (uint)Options.InitialStreamWindow),
            new Setting(SettingId.MaxFrameSize, (uint)Options.MaxFrameSize),
            new Setting(SettingId.MaxHeaderListSize, (uint)Options.MaxHeaderListSize),
        ]);
        if (Reader.Window.Open() is > 0 and int increment)
            Writer.UpdateWindow(0, increment);
        _lifetime.Start();
    }
}
