using System.Net;
using Microsoft.AspNetCore.Http;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Sends copies of requests to mirrors, whose answers and failures nobody sees. What becomes of a copy takes neither time nor
/// more than a bounded share of memory from the request itself.
/// </summary>
internal sealed class MirrorSender(MeshState mesh, GatewayPod gateway, TrafficTable rules)
{
    private const int MostCopies = 1024;
    private const int MostBytesWaiting = 256 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private int _underWay;
    private long _sent;
    private long _failed;
    private long _dropped;

    /// <summary>What became of copies.</summary>
    public MirrorCounts Counts => new(Volatile.Read(ref _sent), Volatile.Read(ref _failed), Volatile.Read(ref _dropped));

    /// <summary>
    /// Sends the copies that a request's route asks for, as it is about to be sent itself. Nothing is to be read of
    /// <paramref name="body"/> before. On the request's loop.
    /// </summary>
    public void Send(Exchange exchange, RequestBody? body)
    {
        foreach (HttpBackend target in exchange.Mirrors!)
        {
            ServiceTraffic? traffic = rules.Of(target.Service!, target.Port);
            Route route = mesh.RouteToService(gateway.Workload, target.Service!, target.Port, exchange.On.Picker.For(traffic));
            if (route is Route.Deny || Volatile.Read(ref _underWay) >= MostCopies)
            {
                Interlocked.Increment(ref _dropped);
                continue;
            }

            BackendProtocol protocol = PortProtocol.ForRequest(target.Protocol, exchange.Http.Request, declared: true);
            var message = new HttpRequestMessage
            {
                Method = HttpMethod.Parse(exchange.Http.Request.Method),
                Version = protocol == BackendProtocol.Http2 ? HttpVersion.Version20 : HttpVersion.Version11,
                VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            };
            if (body is not null)
            {
                var copy = new BodyCopy(MostBytesWaiting);
                message.Content = copy;
                body.CopyTo(copy);
            }

            _ = Run(exchange, exchange.On.Upstreams.Of(route, traffic), traffic, message);
        }
    }

    private async Task Run(Exchange exchange, Upstream upstream, ServiceTraffic? traffic, HttpRequestMessage message)
    {
        TimeSpan patience = exchange.Timeout is { } timeout && timeout < Patience ? timeout : Patience;
        bool entered = false;
        Interlocked.Increment(ref _underWay);
        Interlocked.Increment(ref _sent);
        upstream.Enter();
        using var deadline = new CancellationTokenSource(patience);
        try
        {
            await exchange.Describe(message, upstream.Prefix, deadline.Token);
            message.Headers.Host = Shadow(message.Headers.Host ?? "");
            if (traffic is not null)
                entered = await traffic.Limits.Enter(traffic.Policy.ConnectionPool, message.Version.Major == 1, deadline.Token);
            if (traffic is not null && !entered)
                throw new PoolOverflowException();
            using HttpResponseMessage answer = await upstream.Client.SendAsync(message, deadline.Token);
            // One that is let go of before its end could break off what is still being sent.
            await answer.Content.CopyToAsync(Stream.Null, deadline.Token);
        }
        catch (Exception)
        {
            // Whatever it is: those who wait for the request itself are not told.
            Interlocked.Increment(ref _failed);
        }
        finally
        {
            if (entered)
                traffic!.Limits.Leave(traffic.Policy.ConnectionPool, message.Version.Major == 1);
            message.Dispose();
            upstream.Leave();
            Interlocked.Decrement(ref _underWay);
        }
    }

    /// <summary>The host by which a backend tells copies from requests, as Envoy names it.</summary>
    private static string Shadow(string host)
    {
        var parsed = new HostString(host);
        return parsed.Port is { } port ? $"{parsed.Host}-shadow:{port}" : $"{host}-shadow";
    }
}
