using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Relays what is no HTTP to an endpoint, within what the rule of its service allows.</summary>
internal sealed class RawUpstream(MeshState mesh, GatewayPod pod, TrafficTable rules, TimeSpan idleTimeout)
{
    /// <summary>Connects and relays to the end. Throws <see cref="ChannelException"/> where there is no connection.</summary>
    /// <param name="entry">What the client asked for.</param>
    /// <param name="on">The client's loop, which this runs on.</param>
    /// <param name="accept">Gives the client's side, once there is a connection.</param>
    /// <param name="isDenied">Whether policies refuse it, asked again when they change.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    public async ValueTask Carry(
        Entry.Tunnel entry, GatewayLoop on, Func<Channel> accept, Func<Entry.Tunnel, bool> isDenied, CancellationToken cancellationToken)
    {
        ServiceTraffic? traffic = entry.Service is { } service ? rules.Of(service.Name, (ushort)entry.Destination.Port) : null;
        if (traffic is null)
        {
            Channel server = await on.Connector.Connect(Choose(entry, on, null), null, cancellationToken);
            await on.Relays.Run(new ByteRelay(accept(), server, idleTimeout), entry, isDenied);
            return;
        }

        ConnectionPool? pool = traffic.Policy.ConnectionPool;
        if (!traffic.Limits.EnterConnection(pool))
            throw new ChannelException(new ChannelFailure(FailureKind.Local, $"too many connections to {traffic.Service}"));
        try
        {
            Channel server = await Connect(Choose(entry, on, traffic), traffic, on, cancellationToken);
            await on.Relays.Run(new ByteRelay(accept(), server, pool?.TcpIdleTimeout ?? idleTimeout), entry, isDenied);
        }
        finally
        {
            traffic.Limits.LeaveConnection(traffic.Policy.ConnectionPool);
        }
    }

    private static async Task<Channel> Connect(Route route, ServiceTraffic traffic, GatewayLoop on, CancellationToken cancellationToken)
    {
        if (TlsOriginator.IsFor(traffic.Policy.Tls, route))
            throw new ChannelException(new ChannelFailure(FailureKind.Local, $"{traffic.Service} is to be spoken to in TLS, which is made for HTTP only"));
        EndpointHealth? health = route.Endpoint is { } endpoint ? traffic.HealthOf(endpoint.Address) : null;
        try
        {
            Channel server = await on.Connector.Connect(route, traffic.Policy.ConnectionPool, cancellationToken);
            if (health is not null)
                traffic.Answered(health, (int)HttpStatusCode.OK);
            return server;
        }
        catch (ChannelException e) when (health is not null)
        {
            traffic.Failed(health, tookTooLong: e.Failure.Kind == FailureKind.TimedOut);
            throw;
        }
    }

    private Route Choose(Entry.Tunnel entry, GatewayLoop on, ServiceTraffic? traffic)
    {
        if (entry.Service is not { } service)
            return mesh.RouteToWorkload(entry.Destination);
        ulong? affinity = traffic?.Policy.LoadBalancer?.Hash is HashKey.SourceIp ? NetworkAddress.From(entry.Client.Address).Hash : null;
        return mesh.RouteToService(
            pod.Workload, service.Name, (ushort)entry.Destination.Port, on.Picker.For(traffic, affinity, entry.Client.Address), entry.Destination);
    }
}
