using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>Port 15006: connections to the pod that did not come through a tunnel, captured on their way in.</summary>
internal sealed class PlaintextListener(PodProxy pod, MeshState mesh)
{
    /// <summary>Serves one captured connection from accept to its log line. Runs on <paramref name="on"/>'s loop and owns the client.</summary>
    public async ValueTask Serve(ProxyLoop on, TcpConnection client)
    {
        if (client.OriginalDestination() is not { } destination || !pod.Owns(destination.Address) || pod.IsOwnListener(destination))
        {
            client.Abort(new ChannelFailure(FailureKind.Refused, "not captured on its way to this pod"));
            client.Dispose();
            return;
        }

        var record = new ConnectionRecord
        {
            Direction = ConnectionDirection.Inbound,
            Source = client.RemoteEndPoint,
            SourceWorkload = mesh.WorkloadByAddress(client.RemoteEndPoint.Address),
            Destination = destination,
            DestinationWorkload = pod.Workload,
        };
        var connection = new OpenConnection(on, client, pod, record);
        try
        {
            await Admit(on, connection, client, destination);
        }
        catch (ChannelException e)
        {
            connection.Refuse(e.Failure.Kind, e.Failure.Detail);
        }
        finally
        {
            connection.Finish();
        }
    }

    private async ValueTask Admit(ProxyLoop on, OpenConnection connection, TcpConnection client, IPEndPoint destination)
    {
        var request = new InboundRequest(client.RemoteEndPoint.Address, Identity: null, destination);
        if (pod.Gate.Admit(request) is { } refusal)
        {
            connection.Refuse(FailureKind.Refused, refusal.Rejection);
            return;
        }

        if (pod.Inbound.TryEnter() is { } limit)
        {
            connection.Refuse(FailureKind.Refused, limit);
            return;
        }

        try
        {
            connection.AdmittedBy(pod.Gate, request);
            TcpConnection server = await pod.ConnectToApplication(on.Loop, request.Source, destination, CancellationToken.None);
            await connection.RelayAsync(server);
        }
        finally
        {
            pod.Inbound.Leave();
        }
    }
}
