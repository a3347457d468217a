using System.Net;
using Microsoft.Extensions.Logging;
using Ztunnel.Hbone;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>Port 15008: tunnels to the pod. One TLS connection carries many, each a CONNECT to an address of the pod.</summary>
internal sealed class InboundListener(PodProxy pod, MeshState mesh, CertificateStore certificates, MeshPeerVerifier verifier, ProxyOptions options, ILogger logger)
{
    /// <summary>Serves one peer's connection until it is closed. Runs on <paramref name="on"/>'s loop and owns the transport.</summary>
    public async ValueTask Serve(ProxyLoop on, TcpConnection transport)
    {
        TlsConnection tls;
        // Asked for now: a transport that is gone cannot tell any more, and the log is to.
        IPEndPoint local = transport.LocalEndPoint;
        LinkedListNode<TcpConnection> handshake = on.BeginHandshake(pod, transport, options.Limits.HandshakesPerWorker);
        try
        {
            TlsContext context = await certificates.GetTlsContext(pod.Identity, CancellationToken.None);
            tls = await TlsConnection.AcceptAsync(transport, context, options.HandshakeTimeout);
        }
        catch (Exception e) when (e is ChannelException or CertificateUnavailableException)
        {
            on.AccessLog.Write(Refusal(transport.RemoteEndPoint, local, e.Message));
            transport.Dispose();
            return;
        }
        finally
        {
            on.EndHandshake(pod, handshake);
        }

        // The pod may have been let go during the handshake, or the peer's root: what is not in the table by then would never
        // be drained.
        if (!pod.IsListening || !certificates.Trusts(tls.PeerRootDer))
        {
            tls.Dispose();
            return;
        }

        if (verifier.IdentityOf(tls.PeerCertificateDer) is not { } peer)
            throw new InvalidOperationException("A peer without an identity passed the handshake.");
        HboneConnection connection = HboneConnection.Serve(
            tls, incoming => ServeTunnel(on, transport.RemoteEndPoint, peer, incoming), options.Hbone, logger);
        on.Add(connection, pod);
        try
        {
            await connection.Completion;
        }
        finally
        {
            on.Remove(connection);
        }
    }

    private async ValueTask ServeTunnel(ProxyLoop on, IPEndPoint client, SpiffeId peer, IncomingConnect incoming)
    {
        if (!Authority.TryParseAddress(incoming.Authority, out IPEndPoint? destination)
            || !pod.Owns(destination.Address)
            || pod.IsOwnListener(destination))
        {
            incoming.Refuse(400);
            on.AccessLog.Write(Describe(client, peer, incoming.Authority, destination, "the authority is not an application of this pod"));
            return;
        }

        var request = new InboundRequest(client.Address, peer, destination);
        if (pod.Gate.Admit(request) is { } refusal)
        {
            Refuse(on, incoming, refusal, Describe(client, peer, incoming.Authority, destination, refusal.Rejection));
            return;
        }

        if (pod.Inbound.TryEnter() is { } limit)
        {
            incoming.Refuse(503);
            on.AccessLog.Write(Describe(client, peer, incoming.Authority, destination, limit));
            return;
        }

        try
        {
            if (await Open(on, client, peer, incoming, request) is var (connection, application))
                await Carry(connection, application);
        }
        finally
        {
            pod.Inbound.Leave();
        }
    }

    /// <summary>
    /// Connects to the application and accepts the tunnel; null when it was refused. Apart from <see cref="Carry"/>, so that
    /// nothing of this is kept while the connection lasts.
    /// </summary>
    private async ValueTask<(OpenConnection Connection, TcpConnection Application)?> Open(
        ProxyLoop on, IPEndPoint client, SpiffeId peer, IncomingConnect incoming, InboundRequest request)
    {
        IPEndPoint destination = request.Destination;
        TcpConnection application;
        try
        {
            application = await pod.ConnectToApplication(on.Loop, client.Address, destination, incoming.Abandoned);
        }
        catch (Exception e) when (e is ChannelException or OperationCanceledException)
        {
            incoming.Refuse(503);
            on.AccessLog.Write(Describe(client, peer, incoming.Authority, destination, e is ChannelException ? e.Message : "the client gave up"));
            return null;
        }

        // Policy may have changed while we connected, before this was among the connections that are then judged again.
        if (pod.Gate.Review(request) is { } late)
        {
            application.Dispose();
            Refuse(on, incoming, late, Describe(client, peer, incoming.Authority, destination, late.Rejection));
            return null;
        }

        var connection = new OpenConnection(
            on, incoming.Accept(), pod, Describe(client, peer, incoming.Authority, destination, error: null));
        connection.AdmittedBy(pod.Gate, request);
        return (connection, application);
    }

    private static async ValueTask Carry(OpenConnection connection, TcpConnection application)
    {
        try
        {
            await connection.RelayAsync(application);
        }
        finally
        {
            connection.Finish();
        }
    }

    private static void Refuse(ProxyLoop on, IncomingConnect incoming, InboundRefusal refusal, ConnectionRecord record)
    {
        incoming.Refuse(refusal.Status);
        on.AccessLog.Write(record);
    }

    private ConnectionRecord Describe(IPEndPoint client, SpiffeId peer, string authority, IPEndPoint? destination, string? error)
    {
        Workload workload = pod.Workload;
        return new ConnectionRecord
        {
            Direction = ConnectionDirection.Inbound,
            Source = client,
            SourceWorkload = mesh.WorkloadByAddress(client.Address),
            SourceIdentity = peer,
            Destination = destination ?? new IPEndPoint(workload.Addresses[0], CaptureContract.HbonePort),
            HboneAddress = authority,
            DestinationWorkload = workload,
            DestinationIdentity = workload.Identity,
            Error = error,
        };
    }

    private ConnectionRecord Refusal(IPEndPoint client, IPEndPoint local, string error) => new()
    {
        Direction = ConnectionDirection.Inbound,
        Source = client,
        SourceWorkload = mesh.WorkloadByAddress(client.Address),
        Destination = local,
        DestinationWorkload = pod.Workload,
        Error = error,
        RefusedEarly = true,
    };
}
