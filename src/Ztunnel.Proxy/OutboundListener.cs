using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>Port 15001: connections that the pod opens, captured on their way out.</summary>
internal sealed class OutboundListener(PodProxy pod, MeshState mesh, LocalPods localPods, ProxyOptions options)
{
    private static readonly List<Endpoint> NoneTried = [];

    /// <summary>Serves one captured connection from accept to its log line. Runs on <paramref name="on"/>'s loop and owns the client.</summary>
    public async ValueTask Serve(ProxyLoop on, TcpConnection client)
    {
        // Without an entry in the tracker, or with ourselves as the destination, it was not captured: somebody in the pod
        // connected to our port, and passing it on would come straight back here.
        if (client.OriginalDestination() is not { } destination || pod.IsOwnListener(destination))
        {
            client.Abort(new ChannelFailure(FailureKind.Refused, "connected to the capture port directly"));
            client.Dispose();
            return;
        }

        var record = new ConnectionRecord
        {
            Direction = ConnectionDirection.Outbound,
            Source = client.RemoteEndPoint,
            SourceWorkload = pod.Workload,
            Destination = destination,
        };
        if (pod.Outbound.TryEnter() is { } limit)
        {
            on.Refuse(client, record, limit);
            return;
        }

        var connection = new OpenConnection(on, client, pod, record);
        try
        {
            if (await Open(on, connection, destination) is { } server)
                await connection.RelayAsync(server);
        }
        finally
        {
            connection.Finish();
            pod.Outbound.Leave();
        }
    }

    /// <summary>
    /// Opens the way to the server, or refuses the client and returns null. Of a service's endpoints another is tried when
    /// one cannot be connected to: the client has seen nothing of it yet, nor has a server seen anything of the client.
    /// </summary>
    private async ValueTask<Channel?> Open(ProxyLoop on, OpenConnection connection, IPEndPoint destination)
    {
        Workload source = connection.Record.SourceWorkload!;
        IEndpointPicker picker = on.Picker;
        List<Endpoint> tried = NoneTried;
        ChannelFailure? failure = null;
        while (true)
        {
            Route route = mesh.Decide(source, destination, picker);
            if (route is Route.Deny deny)
            {
                Refuse(connection, failure ?? new ChannelFailure(FailureKind.Refused, $"{deny.Reason}: {deny.Detail}"), tried.Count);
                return null;
            }

            connection.Choose(route.Endpoint);
            Attempt attempt = await Take(on, connection, route, destination);
            on.Judge(route.Endpoint, attempt);
            if (attempt.Server is { } server)
                return server;
            failure = attempt.Failure!;
            if (route.Endpoint is not { } endpoint || !attempt.AnotherMayDo || tried.Count + 1 >= options.EndpointAttempts)
            {
                Refuse(connection, failure, tried.Count + 1);
                return null;
            }

            tried = [.. tried, endpoint];
            picker = on.Picker.Without(tried);
        }
    }

    private ValueTask<Attempt> Take(ProxyLoop on, OpenConnection connection, Route route, IPEndPoint destination) => route switch
    {
        Route.Tunnel tunnel when options.SameNode == SameNodePath.Direct && localPods.Find(tunnel) is var (local, application) =>
            LocalHandover.Open(on, connection, tunnel, local, application),
        Route.Tunnel tunnel => TunnelClient.Open(on, tunnel, connection),
        Route.Passthrough passthrough => Connect(on, connection, passthrough, destination),
        _ => throw new InvalidOperationException($"No way to take the route {route.GetType().Name}."),
    };

    private async ValueTask<Attempt> Connect(ProxyLoop on, OpenConnection connection, Route.Passthrough route, IPEndPoint destination)
    {
        connection.Record.SourceIdentity = null;
        connection.Record.Destination = route.Destination ?? destination;
        connection.Record.HboneAddress = null;
        connection.Record.DestinationWorkload = route.Workload;
        connection.Record.DestinationService = route.Service;
        try
        {
            return Attempt.Opened(await pod.Connect(on.Loop, connection.Record.Destination));
        }
        catch (ChannelException e)
        {
            return Attempt.Failed(e.Failure);
        }
    }

    private static void Refuse(OpenConnection connection, ChannelFailure failure, int tried) =>
        connection.Refuse(failure.Kind, tried > 1 ? $"{failure.Detail} (the last of {tried} endpoints tried)" : failure.Detail);
}
