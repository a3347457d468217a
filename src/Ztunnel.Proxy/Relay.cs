using System.Runtime.CompilerServices;
using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <summary>
/// Moves bytes between two channels of one loop until both directions have ended: the one place that does. Each direction
/// ends on its own, so a half-closed connection goes on the other way; a failure of either channel breaks the other at
/// once, so that a reset is seen as a reset. Nothing is buffered here: what the receiver does not take stays with the
/// sender's channel, or in the pipe between two spliced sockets, and no more is read until it drains.
/// </summary>
public sealed partial class Relay
{
    private readonly Channel _client;
    private readonly Channel _server;
    private readonly RelayDirection _toServer;
    private readonly RelayDirection _toClient;
    private readonly TimeSpan _halfClosedTimeout;
    private LoopTimer? _reaper;
    private long _movedAtLastLook;
    private bool _halfClosed;

    /// <summary>Prepares a relay between two open channels of the same loop.</summary>
    public Relay(Channel client, Channel server)
        : this(client, server, share: null, Timeout.InfiniteTimeSpan)
    {
    }

    /// <summary>
    /// The same, within a pod's share of the loop, and broken off when one side has ended and nothing has moved for
    /// <paramref name="halfClosedTimeout"/>.
    /// </summary>
    internal Relay(Channel client, Channel server, LoopShare? share, TimeSpan halfClosedTimeout)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(server);
        _client = client;
        _server = server;
        Share = share;
        _halfClosedTimeout = halfClosedTimeout;
        _toServer = new RelayDirection(this, client, server);
        _toClient = new RelayDirection(this, server, client);
    }

    /// <summary>Bytes taken by the server's channel so far.</summary>
    public long BytesToServer => _toServer.Total;

    /// <summary>Bytes taken by the client's channel so far.</summary>
    public long BytesToClient => _toClient.Total;

    /// <summary>Bytes received that the other side has not taken.</summary>
    public int Held => _client.Held + _server.Held + _toServer.InFlight + _toClient.InFlight;

    /// <summary>What broke the relay, or null if both directions ended in order.</summary>
    public ChannelFailure? Failure { get; private set; }

    /// <summary>Breaks both channels at once, whichever directions have ended: <see cref="RunAsync"/> then comes to its end.</summary>
    public void Abort(ChannelFailure failure)
    {
        // The sockets may be another process's by now.
        if (_suspended)
        {
            _abortOnResume ??= failure;
            return;
        }

        Fail(failure);
        _client.Abort(failure);
        _server.Abort(failure);
    }

    /// <summary>The part of the loop that this counts on; null for as much as there is.</summary>
    internal LoopShare? Share { get; }

    /// <summary>
    /// Runs until both directions have ended, or until paused. Never throws for a failure of a channel; disposes neither.
    /// </summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask RunAsync()
    {
        if (_halfClosed && Failure is null)
            LookLater();
        _client.Broken = _server.Broken = OnBroken;
        ValueTask toServer = _toServer.RunAsync();
        await _toClient.RunAsync();
        await toServer;
        _client.Broken = _server.Broken = null;
        _reaper?.Dispose();
        if (IsPaused)
            return;
        // A direction that paused while the other broke has not let go of what it had.
        _toServer.Finish();
        _toClient.Finish();
    }

    /// <summary>Notes what broke a direction; the first to break is the cause.</summary>
    internal void Fail(ChannelFailure failure) => Failure ??= failure;

    /// <summary>
    /// A channel that still has something to say shows its failure when that is read. One that has said all shows it to
    /// nobody, while the other may keep silent for ever.
    /// </summary>
    private void OnBroken(Channel broken)
    {
        (RelayDirection said, Channel other) = broken == _client ? (_toServer, _server) : (_toClient, _client);
        if (!said.Finished)
            return;
        Fail(broken.Failure!);
        other.Abort(broken.Failure!);
    }

    /// <summary>A direction has ended in order. From the first on the other has to show now and then that it is of use.</summary>
    internal void NoteEnd()
    {
        if (!_halfClosed && Failure is null)
            LookLater();
        _halfClosed = true;
    }

    private void LookLater()
    {
        if (_halfClosedTimeout == Timeout.InfiniteTimeSpan)
            return;
        _movedAtLastLook = BytesToServer + BytesToClient;
        _reaper = _client.Loop.Schedule(_halfClosedTimeout, static state => ((Relay)state!).Look(), this);
    }

    private void Look()
    {
        if (BytesToServer + BytesToClient != _movedAtLastLook)
            LookLater();
        else
            Abort(new ChannelFailure(FailureKind.TimedOut, $"HalfClosedTimeout: one side has ended and nothing has moved for {_halfClosedTimeout.TotalSeconds:0.###} s"));
    }
}
