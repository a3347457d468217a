using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Ztunnel.Gateway;

/// <summary>
/// Requests to go on in another protocol: WebSocket, over HTTP/2 as an extended CONNECT (RFC 8441), and Kubernetes' SPDY. The
/// forwarder sends each on as a GET, whatever its method was, so that is what it has to be judged as.
/// </summary>
internal static class ProtocolUpgrade
{
    private const string WebSocket = "websocket";
    private const string Spdy = "SPDY/";

    /// <summary>Whether a request is one that the forwarder will pass on as such.</summary>
    public static bool IsAskedFor(HttpContext http)
    {
        if (HttpMethods.IsConnect(http.Request.Method))
        {
            return http.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: var protocol }
                && WebSocket.Equals(protocol, StringComparison.OrdinalIgnoreCase);
        }

        if (http.Request.Headers.Upgrade.Count == 0 || http.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
            return false;
        string asked = http.Request.Headers.Upgrade.ToString();
        return WebSocket.Equals(asked, StringComparison.OrdinalIgnoreCase) || asked.StartsWith(Spdy, StringComparison.OrdinalIgnoreCase);
    }
}
