using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>
/// One connection from accept to its log line. Lives on one loop; the loop's table of open connections holds it for
/// <c>/config_dump</c> and for draining.
/// </summary>
internal sealed partial class OpenConnection
{
    private readonly ProxyLoop _loop;
    private readonly Channel _client;
    private readonly long _started;
    private readonly IPEndPoint _originalDestination;
    private Relay? _relay;
    private Endpoint? _endpoint;
    private OpenConnection? _otherEnd;
    private (InboundGate Gate, InboundRequest Request)? _admission;

    public OpenConnection(ProxyLoop loop, Channel client, PodProxy pod, ConnectionRecord record, TimeSpan age = default, IPEndPoint? originalDestination = null)
    {
        _loop = loop;
        _client = client;
        _started = loop.Time.GetTimestamp() - (long)(age.TotalSeconds * loop.Time.TimestampFrequency);
        Pod = pod;
        Record = record;
        _originalDestination = originalDestination ?? record.Destination;
        loop.Add(this);
    }

    /// <summary>The pod whose listener accepted it.</summary>
    public PodProxy Pod { get; }

    public ConnectionRecord Record { get; }

    /// <summary>True of the inbound half of a connection between two pods of this node, which the outbound half carries.</summary>
    public bool IsOtherEnd { get; private init; }

    public TimeSpan Age => _loop.Time.GetElapsedTime(_started);

    /// <summary>Payload bytes the node's own workload has sent and received so far.</summary>
    public (long Sent, long Received) Bytes => _relay is not { } relay
        ? (0, 0)
        : Record.Direction == ConnectionDirection.Outbound
            ? (relay.BytesToServer, relay.BytesToClient)
            : (relay.BytesToClient, relay.BytesToServer);

    /// <summary>Bytes held because the receiver does not take them. The pod that opened a connection between two of this node answers for them.</summary>
    public int Held => IsOtherEnd ? 0 : _relay?.Held ?? 0;

    /// <summary>Counts the connection on the endpoint it is being made to, in place of the one before; null for none.</summary>
    public void Choose(Endpoint? endpoint)
    {
        if (_endpoint is not null)
            _loop.Picker.Leave(_endpoint);
        _endpoint = endpoint;
        if (endpoint is not null)
            _loop.Picker.Enter(endpoint);
    }

    /// <summary>
    /// Counts this connection as one of <paramref name="pod"/> too, which it leads to without a tunnel and which has let it
    /// enter: what happens to it from now on happens to both, and both are logged.
    /// </summary>
    public void AddOtherEnd(PodProxy pod, ConnectionRecord record, in InboundRequest request)
    {
        _otherEnd = new OpenConnection(_loop, _client, pod, record, Age) { IsOtherEnd = true };
        _otherEnd.AdmittedBy(pod.Gate, request);
    }

    /// <summary>The pod's application could not be connected to: the pod's half is over, this one may go elsewhere.</summary>
    public void EndOther(string error)
    {
        if (_otherEnd is not { } other)
            return;
        _otherEnd = null;
        other.Record.Error = error;
        other.Finish();
    }

    /// <summary>
    /// Moves bytes until both directions have ended, or until the connection has gone to another process, and disposes the
    /// server's side. <paramref name="from"/> is where another process left off.
    /// </summary>
    public async ValueTask RelayAsync(Channel server, PassedRelay? from = null)
    {
        var relay = new Relay(_client, server, Pod.ShareOf(_loop.Loop), Pod.HalfClosedTimeout);
        _relay = relay;
        _client.Account = Pod.Memory;
        server.Account = Pod.Memory;
        if (_otherEnd is { } other)
            other._relay = relay;
        using (server)
        {
            if (from is not null)
                relay.Restore(from);
            await Run(relay);
        }

        NoteError(relay.Failure?.Detail);
    }

    /// <summary>Turns the connection away: the client sees a reset at once, the log says why.</summary>
    public void Refuse(FailureKind kind, string reason)
    {
        NoteError(reason);
        _client.Abort(new ChannelFailure(kind, reason));
    }

    /// <summary>Remembers by what the connection was let into the pod, so that it can be judged again.</summary>
    public void AdmittedBy(InboundGate gate, in InboundRequest request) => _admission = (gate, request);

    /// <summary>Judges a connection into the pod again and cuts it when it would not be let in now; one out of it is left alone.</summary>
    public void Review()
    {
        if (_admission is var (gate, request) && gate.Review(request) is { } refusal)
            Abort(new ChannelFailure(FailureKind.Refused, refusal.LateRejection));
    }

    /// <summary>The same for both of its ends.</summary>
    public void ReviewBothEnds()
    {
        Review();
        _otherEnd?.Review();
    }

    /// <summary>Breaks the connection off, as at the end of a drain.</summary>
    public void Abort(ChannelFailure failure)
    {
        if (_relay is { } relay)
            relay.Abort(failure);
        else
            _client.Abort(failure);
    }

    /// <summary>The connection as it stands, for diagnostics.</summary>
    public ConnectionSnapshot Snapshot()
    {
        (long sent, long received) = Bytes;
        return new ConnectionSnapshot(
            Pod.Workload, Record.Direction, Record.Source, _originalDestination, Record.Destination, Record.HboneAddress, sent, received, Age);
    }

    /// <summary>Lets go of the client and writes the log line, unless another process does.</summary>
    public void Finish()
    {
        if (IsOtherEnd)
            Pod.Inbound.Leave();
        else
            _client.Dispose();
        Choose(null);
        _loop.Remove(this);
        if (_left)
        {
            if (_otherEnd is { } other)
                other._left = true;
            _otherEnd?.Finish();
            return;
        }

        (Record.BytesSent, Record.BytesReceived) = Bytes;
        Record.Duration = Age;
        _loop.AccessLog.Write(Record);
        _otherEnd?.Finish();
    }

    private void NoteError(string? error)
    {
        Record.Error = error;
        if (_otherEnd is { } other)
            other.Record.Error = error;
    }
}
