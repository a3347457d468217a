using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>
/// One connection from accept to its log line. Lives on one loop; the loop's table of open connections holds it for
/// <c>/config_dump</c> and for draining.
/// </summary>
internal sealed class OpenConnection
{
    private readonly ProxyLoop _loop;
    private readonly Channel _client;
    private readonly long _started;
    private Relay? _relay;
    private Endpoint? _endpoint;

    public OpenConnection(ProxyLoop loop, Channel client, PodProxy pod, ConnectionRecord record)
    {
        _loop = loop;
        _client = client;
        _started = loop.Time.GetTimestamp();
        Pod = pod;
        Record = record;
        loop.Add(this);
    }

    /// <summary>The pod whose listener accepted it.</summary>
    public PodProxy Pod { get; }

    public ConnectionRecord Record { get; }

    public TimeSpan Age => _loop.Time.GetElapsedTime(_started);

    /// <summary>Payload bytes the node's own workload has sent and received so far.</summary>
    public (long Sent, long Received) Bytes => _relay is not { } relay
        ? (0, 0)
        : Record.Direction == ConnectionDirection.Outbound
            ? (relay.BytesToServer, relay.BytesToClient)
            : (relay.BytesToClient, relay.BytesToServer);

    /// <summary>Counts the connection on the endpoint it is being made to, in place of the one before; null for none.</summary>
    public void Choose(Endpoint? endpoint)
    {
        if (_endpoint is not null)
            _loop.Picker.Leave(_endpoint);
        _endpoint = endpoint;
        if (endpoint is not null)
            _loop.Picker.Enter(endpoint);
    }

    /// <summary>Moves bytes until both directions have ended, and disposes the server's side.</summary>
    public async ValueTask RelayAsync(Channel server)
    {
        _relay = new Relay(_client, server);
        using (server)
            await _relay.RunAsync();
        Record.Error = _relay.Failure?.Detail;
    }

    /// <summary>Turns the connection away: the client sees a reset at once, the log says why.</summary>
    public void Refuse(FailureKind kind, string reason)
    {
        Record.Error = reason;
        _client.Abort(new ChannelFailure(kind, reason));
    }

    /// <summary>Breaks the connection off, as at the end of a drain.</summary>
    public void Abort(ChannelFailure failure) => _client.Abort(failure);

    /// <summary>The connection as it stands, for diagnostics.</summary>
    public ConnectionSnapshot Snapshot()
    {
        (long sent, long received) = Bytes;
        return new ConnectionSnapshot(
            Pod.Workload, Record.Direction, Record.Source, Record.Destination, Record.HboneAddress, sent, received, Age);
    }

    /// <summary>Lets go of the client and writes the log line.</summary>
    public void Finish()
    {
        _client.Dispose();
        Choose(null);
        (Record.BytesSent, Record.BytesReceived) = Bytes;
        Record.Duration = Age;
        _loop.Remove(this);
        _loop.AccessLog.Write(Record);
    }
}
