using System.Net;
using System.Net.Sockets;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// Fetches what the gateway itself needs from elsewhere, such as the keys of token issuers: out of the gateway's pod, through the
/// mesh where the name is that of a service, without proxies, redirects or cookies.
/// </summary>
internal static class OutsideClient
{
    /// <summary>A client that connects on a loop.</summary>
    public static HttpMessageInvoker Create(MeshState mesh, GatewayPod pod, GatewayLoop on)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            AllowAutoRedirect = false,
            ActivityHeadersPropagator = null,
            ConnectCallback = async (context, cancellationToken) =>
                new ChannelStream(await Connect(mesh, pod, on, context.DnsEndPoint, cancellationToken)),
        };
        return new HttpMessageInvoker(handler, disposeHandler: true);
    }

    private static async Task<Channel> Connect(MeshState mesh, GatewayPod pod, GatewayLoop on, DnsEndPoint wanted, CancellationToken cancellationToken)
    {
        if (mesh.ServiceByHostname(wanted.Host, pod.Workload.Namespace) is { } service)
        {
            return await on.Loop.RunAsync(() => on.Connector.Connect(
                mesh.RouteToService(pod.Workload, service.Name, (ushort)wanted.Port, on.Picker.For()), null, cancellationToken));
        }

        ChannelException? failure = null;
        foreach (IPAddress address in await Dns.GetHostAddressesAsync(wanted.Host, cancellationToken))
        {
            var route = new Route.Passthrough(new IPEndPoint(address, wanted.Port), null, null);
            try
            {
                return await on.Loop.RunAsync(() => on.Connector.Connect(route, null, cancellationToken));
            }
            catch (ChannelException e)
            {
                failure = e;
            }
        }

        throw failure ?? (Exception)new SocketException((int)SocketError.HostNotFound);
    }
}
