using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>
/// Passes connections to another process; the descriptors stay the caller's. Tells of each whether it goes on there. When this
/// throws, none does.
/// </summary>
public delegate Task<IReadOnlyList<bool>> PassConnections(IReadOnlyList<(PassedConnection Description, PassedRelay Relay)> connections);

/// <content>How open connections that are nothing but two sockets move to the agent that takes over.</content>
public sealed partial class NodeProxy
{
    /// <summary>Connections at rest at one time: what one message of descriptors carries.</summary>
    private const int PassedAtOnce = DescriptorSocket.MaxDescriptors / PassedConnection.MaxDescriptors;

    /// <summary>
    /// Passes on every connection that is relayed from socket to socket, and those that are still being opened once they are, for
    /// at most <paramref name="patience"/>. What cannot be passed on goes on here. Returns how many were passed on. Listeners
    /// are to be yielded before.
    /// </summary>
    public async Task<int> Pass(PassConnections pass, TimeSpan patience)
    {
        ArgumentNullException.ThrowIfNull(pass);
        int passed = 0;
        foreach (ProxyLoop on in _perLoop)
            passed += await on.Loop.RunAsync(() => Pass(on, pass, patience));
        return passed;
    }

    /// <summary>
    /// Prepares to go on with a connection of another process. The returned action does, and owns the descriptors from then on;
    /// null when the pod is not here. Throws <see cref="FormatException"/> when the description makes no sense.
    /// </summary>
    public Action? Receive(PassedConnection connection, PassedRelay relay)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(relay);
        if (Find(connection.Half) is not { } pod)
            return null;
        PodProxy? into = connection.OtherHalf is { } half ? Find(half) : null;
        if (into is null && connection.OtherHalf is not null)
            return null;
        var arrival = new Arrival(pod, connection.Half.ToRecord(_mesh), into, connection.OtherHalf?.ToRecord(_mesh), connection, relay);
        EventLoop loop = _loops.LeastLoaded();
        return () => loop.Post(_ => Run(_perLoop[loop.Index], arrival), null);
    }

    private static async Task<int> Pass(ProxyLoop on, PassConnections pass, TimeSpan patience)
    {
        long started = on.Time.GetTimestamp();
        int passed = 0;
        while (true)
        {
            foreach (OpenConnection[] some in on.Open.Where(connection => connection.CanPass).ToArray().Chunk(PassedAtOnce))
                passed += await PassSome(some, pass);
            if (!on.Open.Any(connection => connection.IsOpening) || on.Time.GetElapsedTime(started) >= patience)
                return passed;
            await on.Loop.DelayAsync(DrainPoll);
        }
    }

    private static async Task<int> PassSome(OpenConnection[] connections, PassConnections pass)
    {
        // Some may have ended since they were looked up.
        OpenConnection[] open = [.. connections.Where(connection => connection.CanPass)];
        bool[] paused = await Task.WhenAll(open.Select(connection => connection.Pause()));
        OpenConnection[] resting = [.. open.Where((_, index) => paused[index])];
        var leaving = new List<(OpenConnection Connection, PassedConnection Description, PassedRelay Relay)>();
        IReadOnlyList<bool> taken = [];
        try
        {
            foreach (OpenConnection connection in resting)
            {
                if (connection.Share() is var (description, relay))
                    leaving.Add((connection, description, relay));
            }

            if (leaving.Count > 0)
                taken = await pass([.. leaving.Select(each => (each.Description, each.Relay))]);
        }
        finally
        {
            HashSet<OpenConnection> gone = [.. leaving.Where((_, index) => index < taken.Count && taken[index]).Select(each => each.Connection)];
            foreach (OpenConnection connection in resting)
            {
                if (gone.Contains(connection))
                    connection.Leave();
                else
                    connection.Stay();
            }

            foreach ((_, _, PassedRelay relay) in leaving)
                relay.Dispose();
        }

        return taken.Count(each => each);
    }

    private PodProxy? Find(PassedHalf half) => _pods.Keys.FirstOrDefault(
        pod => pod.IsListening && pod.NetworkNamespace == half.NetworkNamespace && string.Equals(pod.Workload.Uid, half.Pod, StringComparison.Ordinal));

    private async void Run(ProxyLoop on, Arrival arrival)
    {
        try
        {
            using (arrival.Relay)
                await Go(on, arrival);
        }
        catch (Exception e)
        {
            LogFault(arrival.Connection.Half.Source, e);
        }
    }

    /// <summary>Serves one connection from where another process left it to its log line.</summary>
    private async ValueTask Go(ProxyLoop on, Arrival arrival)
    {
        (PodProxy pod, ConnectionRecord record, PodProxy? into, ConnectionRecord? other, PassedConnection passed, PassedRelay relay) = arrival;
        using TcpConnection server = TcpConnection.Adopt(on.Loop, relay.Server!, record.Destination);
        TcpConnection client = TcpConnection.Adopt(on.Loop, relay.Client!, record.Source);
        ConnectionQuota quota = record.Direction == ConnectionDirection.Outbound ? pod.Outbound : pod.Inbound;
        quota.Return();
        var connection = new OpenConnection(on, client, pod, record, passed.Age, IPEndPoint.Parse(passed.Half.OriginalDestination));
        try
        {
            connection.Choose(EndpointOf(passed));
            if (passed.Half.ToRequest(record) is { } request)
                connection.AdmittedBy(pod.Gate, request);
            if (into is not null)
            {
                into.Inbound.Return();
                connection.AddOtherEnd(into, other!, passed.OtherHalf!.ToRequest(other!)!.Value);
            }

            ValueTask relayed = connection.RelayAsync(server, relay);
            relay.Dispose();
            // The pod may have been let go, or policy may have changed, before this was among the connections that hear of it.
            if (!pod.IsListening || into is { IsListening: false })
                connection.Abort(new ChannelFailure(FailureKind.Closed, "the pod left the mesh"));
            else if (_review is not null)
                connection.ReviewBothEnds();
            await relayed;
        }
        finally
        {
            connection.Finish();
            quota.Leave();
        }
    }

    private Endpoint? EndpointOf(PassedConnection passed) => passed is { Endpoint: { } at, Half.DestinationService: { } service }
        ? _mesh.EndpointsOf(service).FirstOrDefault(endpoint => string.Equals(endpoint.Address.ToString(), at, StringComparison.Ordinal))
        : null;

    private sealed record Arrival(
        PodProxy Pod, ConnectionRecord Record, PodProxy? Into, ConnectionRecord? OtherRecord, PassedConnection Connection, PassedRelay Relay);
}
