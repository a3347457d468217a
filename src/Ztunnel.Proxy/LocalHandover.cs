using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>
/// Connects a pod to another of the same node without a tunnel: both identities are known here, and TLS would protect the
/// bytes from nobody. To the destination pod it is an inbound connection like one that came through a tunnel: decided,
/// counted, drained and logged as its own, beside the client's outbound one.
/// </summary>
internal static class LocalHandover
{
    /// <summary>Connects to <paramref name="application"/> of <paramref name="destination"/>.</summary>
    public static async ValueTask<Attempt> Open(
        ProxyLoop on, OpenConnection connection, Route.Tunnel route, PodProxy destination, IPEndPoint application)
    {
        ConnectionRecord outbound = connection.Record;
        outbound.SourceIdentity = outbound.SourceWorkload!.Identity;
        outbound.Destination = application;
        outbound.DestinationWorkload = route.Destination;
        outbound.DestinationService = route.Service;
        outbound.HboneAddress = null;
        var request = new InboundRequest(SourceFor(connection.Pod, outbound.Source.Address, application), outbound.SourceIdentity, application);
        var inbound = new ConnectionRecord
        {
            Direction = ConnectionDirection.Inbound,
            Source = outbound.Source,
            SourceWorkload = outbound.SourceWorkload,
            SourceIdentity = outbound.SourceIdentity,
            Destination = application,
            DestinationWorkload = destination.Workload,
            DestinationIdentity = destination.Identity,
        };
        if (destination.Gate.Admit(request) is { } refusal)
        {
            Log(on, inbound, refusal.Rejection);
            return Attempt.Refused(refusal.Rejection);
        }

        if (destination.Inbound.TryEnter() is { } limit)
        {
            Log(on, inbound, limit);
            return Attempt.Failed(new ChannelFailure(FailureKind.Refused, limit));
        }

        connection.AddOtherEnd(destination, inbound, request);
        try
        {
            TcpConnection server = await destination.ConnectToApplication(on.Loop, request.Source, application, CancellationToken.None);
            outbound.DestinationIdentity = destination.Identity;
            return Attempt.Opened(server);
        }
        catch (ChannelException e)
        {
            connection.EndOther(e.Failure.Detail);
            return Attempt.Failed(e.Failure);
        }
    }

    private static void Log(ProxyLoop on, ConnectionRecord inbound, string error)
    {
        inbound.Error = error;
        on.AccessLog.Write(inbound);
    }

    /// <summary>The client's own address; where a service led it to the other address family, the address its pod would have connected from.</summary>
    private static IPAddress SourceFor(PodProxy source, IPAddress client, IPEndPoint application) =>
        client.AddressFamily == application.AddressFamily
            ? client
            : source.Workload.Addresses.FirstOrDefault(address => address.AddressFamily == application.AddressFamily, client);
}
