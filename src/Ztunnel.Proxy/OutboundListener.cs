using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>Port 15001: connections that the pod opens, captured on their way out.</summary>
internal sealed class OutboundListener(PodProxy pod, MeshState mesh)
{
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

        Workload source = pod.Workload;
        var connection = new OpenConnection(on, client, pod, new ConnectionRecord
        {
            Direction = ConnectionDirection.Outbound,
            Source = client.RemoteEndPoint,
            SourceWorkload = source,
            Destination = destination,
        });
        try
        {
            if (await Open(on, connection, destination) is { } server)
                await connection.RelayAsync(server);
        }
        finally
        {
            connection.Finish();
        }
    }

    private async ValueTask<Channel?> Open(ProxyLoop on, OpenConnection connection, IPEndPoint destination)
    {
        switch (mesh.Decide(connection.Record.SourceWorkload!, destination, on.Picker))
        {
            case Route.Tunnel tunnel:
                return await TunnelClient.Open(on, tunnel, connection);
            case Route.Passthrough passthrough:
                return await Connect(on, connection, passthrough, destination);
            case Route.Deny deny:
                connection.Refuse(FailureKind.Refused, $"{deny.Reason}: {deny.Detail}");
                return null;
            case var other:
                throw new InvalidOperationException($"No way to take the route {other.GetType().Name}.");
        }
    }

    private async ValueTask<Channel?> Connect(ProxyLoop on, OpenConnection connection, Route.Passthrough route, IPEndPoint destination)
    {
        connection.Record.Destination = route.Destination ?? destination;
        connection.Record.DestinationWorkload = route.Workload;
        connection.Record.DestinationService = route.Service;
        try
        {
            return await pod.Connect(on.Loop, connection.Record.Destination);
        }
        catch (ChannelException e)
        {
            connection.Refuse(e.Failure.Kind, e.Failure.Detail);
            return null;
        }
    }
}
