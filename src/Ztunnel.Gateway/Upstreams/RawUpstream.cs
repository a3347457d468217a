using System.Net;
using Ztunnel.IO;
using Ztunnel.Mesh;
using Endpoint = Ztunnel.Mesh.Endpoint;

namespace Ztunnel.Gateway;

/// <summary>Relays what is no HTTP, or none of our business, to an endpoint, within what the rule of its service allows.</summary>
internal sealed class RawUpstream(MeshState mesh, GatewayPod pod, TrafficTable rules, TimeSpan idleTimeout)
{
    private const int MostTries = 3;

    /// <summary>Connects and relays to the end. Throws <see cref="ChannelException"/> where there is no connection.</summary>
    /// <param name="target">Where to.</param>
    /// <param name="on">The client's loop, which this runs on.</param>
    /// <param name="accept">Gives the client's side, once there is a connection.</param>
    /// <param name="isDenied">Whether policies refuse it, asked again when they change.</param>
    /// <param name="cancellationToken">Gives up connecting.</param>
    public async ValueTask Carry(RawTarget target, GatewayLoop on, Func<Channel> accept, Func<bool> isDenied, CancellationToken cancellationToken)
    {
        ServiceTraffic? traffic = target.Service is { } service ? rules.Of(service, target.Port) : null;
        ConnectionPool? pool = traffic?.Policy.ConnectionPool;
        if (traffic is not null && !traffic.Limits.EnterConnection(pool))
            throw new ChannelException(new ChannelFailure(FailureKind.Local, $"too many connections to {traffic.Service}"));
        try
        {
            Channel server = await Connect(target, traffic, on, cancellationToken);
            await on.Relays.Run(new ByteRelay(accept(), server, pool?.TcpIdleTimeout ?? idleTimeout), isDenied);
        }
        finally
        {
            traffic?.Limits.LeaveConnection(traffic.Policy.ConnectionPool);
        }
    }

    /// <summary>Connects to an endpoint, in its place to another when it cannot be connected to.</summary>
    private async Task<Channel> Connect(RawTarget target, ServiceTraffic? traffic, GatewayLoop on, CancellationToken cancellationToken)
    {
        var tried = new List<Endpoint>();
        while (true)
        {
            Route route = Choose(target, on, traffic, tried);
            try
            {
                return await Connect(route, traffic, on, cancellationToken);
            }
            catch (ChannelException e) when (route.Endpoint is not null && e.Failure.Kind != FailureKind.Local && tried.Count + 1 < MostTries)
            {
                tried.Add(route.Endpoint!);
            }
        }
    }

    private static async Task<Channel> Connect(Route route, ServiceTraffic? traffic, GatewayLoop on, CancellationToken cancellationToken)
    {
        if (traffic is null)
            return await on.Connector.Connect(route, null, cancellationToken);
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

    private Route Choose(RawTarget target, GatewayLoop on, ServiceTraffic? traffic, List<Endpoint> tried)
    {
        if (target.Service is not { } service)
            return mesh.RouteToWorkload(target.Asked!);
        ulong? affinity = traffic?.Policy.LoadBalancer?.Hash is HashKey.SourceIp ? NetworkAddress.From(target.Client).Hash : null;
        return mesh.RouteToService(pod.Workload, service, target.Port, on.Picker.For(traffic, affinity, target.Client, tried), target.Asked);
    }
}

/// <summary>Where a connection is relayed to.</summary>
/// <param name="Service">The service; null for a workload's own address.</param>
/// <param name="Port">Its port.</param>
/// <param name="Asked">The address the client asked for; null where a route says where it goes.</param>
/// <param name="Client">Who connected.</param>
internal sealed record RawTarget(ServiceName? Service, ushort Port, IPEndPoint? Asked, IPAddress Client);
