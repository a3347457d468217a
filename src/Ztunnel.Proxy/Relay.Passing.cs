using Ztunnel.IO;

namespace Ztunnel.Proxy;

/// <content>How a relay between two TCP connections pauses, so that another process may go on with it.</content>
public sealed partial class Relay
{
    private ChannelFailure? _abortOnResume;
    private bool _suspended;

    /// <summary>Whether both ends are sockets, which can be passed to another process.</summary>
    internal bool CanPass => _client is TcpConnection && _server is TcpConnection;

    /// <summary>Asked to pause.</summary>
    internal bool IsPausing { get; private set; }

    /// <summary>Whether <see cref="RunAsync"/> came to its end although something is left to do.</summary>
    internal bool IsPaused => IsPausing && Failure is null && !(_toServer.Finished && _toClient.Finished);

    private TcpConnection Client => (TcpConnection)_client;

    private TcpConnection Server => (TcpConnection)_server;

    /// <summary>
    /// Makes <see cref="RunAsync"/> come to its end as soon as neither direction is in the middle of something: at once, or when
    /// the pod has had its share of the loop. Only where <see cref="CanPass"/>.
    /// </summary>
    internal void Pause()
    {
        IsPausing = true;
        Client.Wake();
        Server.Wake();
    }

    /// <summary>Hears nothing of the paused connections from now on. What would break them meanwhile does so when they are resumed.</summary>
    internal void Suspend()
    {
        _suspended = true;
        Client.Suspend();
        Server.Suspend();
    }

    /// <summary>
    /// Duplicates the sockets and what is in flight for another process; null when something is broken, or there is no room for
    /// what is in flight.
    /// </summary>
    internal PassedRelay? Duplicate()
    {
        if (_client.Failure is not null || _server.Failure is not null)
            return null;
        var passed = new PassedRelay { BytesToServer = BytesToServer, BytesToClient = BytesToClient };
        try
        {
            passed.Client = Client.Share();
            passed.Server = Server.Share();
            bool all = _toServer.TryShare(out PassedPipe? toServer);
            passed.ToServer = toServer;
            all &= _toClient.TryShare(out PassedPipe? toClient);
            passed.ToClient = toClient;
            if (all)
                return passed;
        }
        catch (ChannelException)
        {
            // No descriptors left: it stays.
        }

        passed.Dispose();
        return null;
    }

    /// <summary>Goes on here: <see cref="RunAsync"/> is to follow.</summary>
    internal void Resume()
    {
        IsPausing = false;
        _suspended = false;
        Client.Resume();
        Server.Resume();
        if (_abortOnResume is { } failure)
            Abort(failure);
    }

    /// <summary>Lets go of both connections, which go on in another process with all that was in flight.</summary>
    internal void Leave()
    {
        _toServer.Finish();
        _toClient.Finish();
        Client.Leave();
        Server.Leave();
    }

    /// <summary>Goes on from where another process left off. Throws <see cref="ChannelException"/> when there are no descriptors left.</summary>
    internal void Restore(PassedRelay passed)
    {
        _toServer.Restore(passed.BytesToServer, passed.ToServer);
        _toClient.Restore(passed.BytesToClient, passed.ToClient);
    }
}
