using System.Runtime.InteropServices;
using Ztunnel.Hbone;
using Ztunnel.Hbone.Pool;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>
/// What one event loop's connections share: its tunnel pool, its endpoint picker and the table of what is open. Touched
/// only on that loop's thread, so without locks.
/// </summary>
internal sealed class ProxyLoop
{
    private readonly HashSet<OpenConnection> _open = [];
    private readonly Dictionary<PodProxy, LinkedList<TcpConnection>> _handshakes = [];
    private readonly Dictionary<HboneConnection, PodProxy> _peers = [];
    private readonly Ejections _ejections;

    public ProxyLoop(EventLoop loop, TunnelClient tunnels, Ejections ejections, AccessLog accessLog, TimeProvider time)
    {
        Loop = loop;
        AccessLog = accessLog;
        Time = time;
        Tunnels = tunnels.CreatePool(loop);
        _ejections = ejections;
        Picker = new LeastConnectionsPicker(ejections, (ulong)Random.Shared.NextInt64());
    }

    public EventLoop Loop { get; }

    public AccessLog AccessLog { get; }

    public TimeProvider Time { get; }

    public HbonePool<TunnelKey> Tunnels { get; }

    public LeastConnectionsPicker Picker { get; }

    public IReadOnlyCollection<OpenConnection> Open => _open;

    /// <summary>What is open of one pod, or of all.</summary>
    public IEnumerable<OpenConnection> OpenOf(PodProxy? pod) => pod is null ? _open : _open.Where(connection => connection.Pod == pod);

    /// <summary>
    /// A peer's connection to a pod begins its handshake; what is returned is for <see cref="EndHandshake"/>. Where more than
    /// <paramref name="most"/> are in theirs the one that has taken longest is cut off: who means it is done in milliseconds.
    /// </summary>
    public LinkedListNode<TcpConnection> BeginHandshake(PodProxy pod, TcpConnection transport, int most)
    {
        LinkedList<TcpConnection> pending = CollectionsMarshal.GetValueRefOrAddDefault(_handshakes, pod, out _) ??= [];
        LinkedListNode<TcpConnection> begun = pending.AddLast(transport);
        if (most > 0 && pending.Count > most)
        {
            TcpConnection slowest = pending.First!.Value;
            pending.RemoveFirst();
            slowest.Abort(new ChannelFailure(
                FailureKind.Refused, $"{LimitReason.TooManyHandshakes}: {most} later ones of this pod are under way on this worker, which is its limit"));
        }

        return begun;
    }

    /// <summary>A handshake has ended, in whatever way.</summary>
    public void EndHandshake(PodProxy pod, LinkedListNode<TcpConnection> begun)
    {
        if (begun.List is not { } pending)
            return;
        pending.Remove(begun);
        if (pending.Count == 0)
            _handshakes.Remove(pod);
    }

    /// <summary>Whether a peer of a pod, or of any, is in its handshake.</summary>
    public bool AnyHandshake(PodProxy? pod) => pod is null ? _handshakes.Count > 0 : _handshakes.ContainsKey(pod);

    /// <summary>How long tunnels have to end, once the loop drains: a peer that comes then is told at once.</summary>
    public TimeSpan? DrainTime { get; set; }

    /// <summary>Connections on which peers tunnel to pods of this node, each with the pod.</summary>
    public IReadOnlyDictionary<HboneConnection, PodProxy> Peers => _peers;

    /// <summary>Learns from an attempt to connect to an endpoint whether it can be connected to.</summary>
    public void Judge(Endpoint? endpoint, in Attempt attempt)
    {
        if (endpoint is null)
            return;
        if (attempt.EndpointFailed)
            _ejections.Failed(endpoint);
        else if (attempt.Server is not null)
            _ejections.Succeeded(endpoint);
    }

    /// <summary>Turns a client away before anything was done for it, with a line in the log.</summary>
    public void Refuse(TcpConnection client, ConnectionRecord record, string reason)
    {
        record.Error = reason;
        client.Abort(new ChannelFailure(FailureKind.Refused, reason));
        AccessLog.Write(record);
    }

    public void Add(OpenConnection connection) => _open.Add(connection);

    public void Remove(OpenConnection connection) => _open.Remove(connection);

    public void Add(HboneConnection peer, PodProxy pod)
    {
        _peers.Add(peer, pod);
        if (DrainTime is { } time)
            _ = peer.DrainAsync(time);
    }

    public void Remove(HboneConnection peer) => _peers.Remove(peer);
}
