using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using Microsoft.Extensions.Logging;
using Ztunnel.Hbone;
using Ztunnel.Identity;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Port 15008 of a waypoint: tunnels from nodes and gateways, each to a service or workload that is bound to this waypoint.
/// What speaks HTTP goes to the HTTP server, anything else is relayed.
/// </summary>
internal sealed class WaypointEntry(
    GatewayOptions options,
    GatewayPod pod,
    MeshState mesh,
    CertificateStore certificates,
    MeshPeerVerifier verifier,
    IReadOnlyList<GatewayLoop> loops,
    ConnectionIntake intake,
    RawUpstream raw,
    ClientCount clients,
    ILogger logger)
{
    private readonly ConcurrentDictionary<HboneConnection, byte> _peers = new();
    private TimeSpan? _drain;

    /// <summary>Serves one peer's connection until it is closed. Runs on its loop and owns it.</summary>
    public async ValueTask Serve(TcpConnection transport)
    {
        TlsConnection tls;
        try
        {
            TlsContext context = await certificates.GetTlsContext(pod.Workload.Identity, CancellationToken.None);
            tls = await TlsConnection.AcceptAsync(transport, context, options.HandshakeTimeout);
        }
        catch (CertificateUnavailableException)
        {
            transport.Dispose();
            return;
        }

        if (!certificates.Trusts(tls.PeerRootDer) || verifier.IdentityOf(tls.PeerCertificateDer) is not { } peer)
        {
            tls.Dispose();
            return;
        }

        IPEndPoint client = transport.RemoteEndPoint;
        HboneConnection connection = HboneConnection.Serve(tls, incoming => Take(incoming, client, peer), options.Hbone, logger);
        _peers.TryAdd(connection, 0);
        if (_drain is { } patience)
            _ = connection.DrainAsync(patience);
        await connection.Completion;
        _peers.TryRemove(connection, out _);
    }

    /// <summary>Tells peers to go elsewhere (GOAWAY), and waits for what is under way.</summary>
    public async Task Drain(TimeSpan patience)
    {
        _drain = patience;
        await Task.WhenAll(_peers.Keys.Select(peer => peer.Loop.RunAsync(() => peer.DrainAsync(patience))));
    }

    /// <summary>Ends what was verified by a root that is trusted no more.</summary>
    public void EndDistrusted(TimeSpan patience)
    {
        foreach (HboneConnection peer in _peers.Keys)
        {
            if (peer.Transport is TlsConnection tls && !certificates.Trusts(tls.PeerRootDer))
                _ = peer.Loop.RunAsync(() => peer.DrainAsync(patience));
        }
    }

    private async ValueTask Take(IncomingConnect incoming, IPEndPoint client, SpiffeId peer)
    {
        if (!clients.TryEnter())
        {
            incoming.Refuse(503);
            return;
        }

        try
        {
            await Carry(incoming, client, peer);
        }
        finally
        {
            clients.Leave();
        }
    }

    private async ValueTask Carry(IncomingConnect incoming, IPEndPoint client, SpiffeId peer)
    {
        if (!TryRead(incoming.Authority, peer, out IPEndPoint? destination, out Service? service))
        {
            incoming.Refuse(400);
            return;
        }

        Workload? workload = service is null ? mesh.WorkloadByAddress(destination.Address) : null;
        if (!IsOurs(service, workload))
        {
            incoming.Refuse(404);
            return;
        }

        // What the client's own address was, where it came through somebody who says so.
        var entry = new Entry.Tunnel(peer, destination, service) { Client = client };
        ApplicationProtocol spoken = PortProtocol.Of(service, (ushort)destination.Port);
        GatewayLoop on = loops[incoming.Connection.Loop.Index];
        if (spoken is ApplicationProtocol.Opaque or ApplicationProtocol.SecureWebSocket)
        {
            if (IsDenied(entry))
                incoming.Refuse(403);
            else
                await Relay(incoming, entry, on);
            return;
        }

        Channel stream = incoming.Accept();
        bool? http = true;
        if (spoken == ApplicationProtocol.Unknown)
            (stream, http) = await FirstBytes.Ask(stream, options.Limits.IdleTimeout, FirstBytes.IsHttp);
        if (http != false)
            await intake.Admit(stream, entry, destination);
        else if (IsDenied(entry))
            stream.Abort(new ChannelFailure(FailureKind.Local, "refused by policy"));
        else
            await Relay(stream, entry, on);
    }

    /// <summary>Whether policies refuse what is no HTTP, by what of them connections can be judged by.</summary>
    private bool IsDenied(Entry.Tunnel entry) => mesh
        .PoliciesFor(RequestGuard.ScopeOf(pod, entry))
        .AuthorizeConnection(RequestGuard.ConnectionOf(pod.Workload, entry)) is not null;

    private static RawTarget TargetOf(Entry.Tunnel entry) => new(entry.Service?.Name, (ushort)entry.Destination.Port, entry.Destination, entry.Client.Address);

    private async ValueTask Relay(IncomingConnect incoming, Entry.Tunnel entry, GatewayLoop on)
    {
        try
        {
            await raw.Carry(TargetOf(entry), on, () => incoming.Accept(), () => IsDenied(entry), incoming.Abandoned);
        }
        catch (Exception e) when (e is ChannelException or OperationCanceledException)
        {
            incoming.Refuse(503);
        }
    }

    private async ValueTask Relay(Channel stream, Entry.Tunnel entry, GatewayLoop on)
    {
        try
        {
            await raw.Carry(TargetOf(entry), on, () => stream, () => IsDenied(entry), CancellationToken.None);
        }
        catch (ChannelException e)
        {
            stream.Abort(e.Failure);
        }
    }

    /// <summary>
    /// Whether something is bound to a Gateway that this pod serves. A waypoint is trusted by what is bound to it, so it takes
    /// nobody anywhere else.
    /// </summary>
    private bool IsOurs(Service? service, Workload? workload)
    {
        if (service is null)
            return workload is not null && IsOurs(mesh.WaypointOf(workload));
        return IsOurs(mesh.WaypointOf(service))
            || (service.Waypoint is null && mesh.EndpointsOf(service.Name).Any(endpoint =>
                mesh.WorkloadByAddress(endpoint.Address.Address) is { } behind && IsOurs(mesh.WaypointOf(behind))));
    }

    private bool IsOurs(WaypointBinding? binding) =>
        binding is { Bound: true } && (binding.Waypoint == pod.Workload.Gateway || pod.Gateways.Contains(binding.Waypoint));

    /// <summary>Reads <c>ip:port</c> or <c>hostname:port</c>.</summary>
    private bool TryRead(string authority, SpiffeId peer, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out IPEndPoint? destination, out Service? service)
    {
        destination = null;
        service = null;
        int colon = authority.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(authority.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port) || port == 0)
            return false;
        string host = authority[..colon];
        if (IPAddress.TryParse(host.StartsWith('[') && host.EndsWith(']') ? host[1..^1] : host, out IPAddress? address))
        {
            destination = new IPEndPoint(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address, port);
            service = mesh.ServiceByVirtualIp(destination.Address, peer.Namespace);
            return true;
        }

        service = mesh.ServiceByHostname(host, peer.Namespace);
        destination = new IPEndPoint(service?.VirtualIps.FirstOrDefault() ?? IPAddress.Any, port);
        return service is not null;
    }
}
