using Microsoft.AspNetCore.Http;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>What is spoken on a port of a service, and what a request is sent on in.</summary>
internal static class PortProtocol
{
    /// <summary>What is known of a port.</summary>
    public static ApplicationProtocol Of(Service? service, ushort port)
    {
        if (service is null)
            return ApplicationProtocol.Unknown;
        foreach (ServicePort candidate in service.Ports)
        {
            if (candidate.Port == port)
                return candidate.Spoken;
        }

        return ApplicationProtocol.Unknown;
    }

    /// <summary>What a request is sent on in.</summary>
    public static BackendProtocol ForRequest(Service service, ushort port, HttpRequest request) => Of(service, port) switch
    {
        ApplicationProtocol.Http1 or ApplicationProtocol.WebSocket => ForRequest(BackendProtocol.Http1, request, declared: true),
        ApplicationProtocol.Http2 => BackendProtocol.Http2,
        _ => ForRequest(BackendProtocol.Http1, request, declared: false),
    };

    /// <summary>The same where the port says <paramref name="protocol"/>, or where that is not <paramref name="declared"/>, nothing.</summary>
    public static BackendProtocol ForRequest(BackendProtocol protocol, HttpRequest request, bool declared)
    {
        if (protocol != BackendProtocol.Http1)
            return protocol;
        // What came in HTTP/2 may be more than HTTP/1.1 carries; where nothing is said the client has to know. gRPC is nothing else.
        bool isGrpc = request.ContentType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true
            && !request.ContentType.StartsWith("application/grpc-web", StringComparison.OrdinalIgnoreCase);
        bool cameAsHttp2 = HttpProtocol.IsHttp2(request.Protocol) && !HttpMethods.IsConnect(request.Method);
        return isGrpc || (!declared && cameAsHttp2) ? BackendProtocol.Http2 : BackendProtocol.Http1;
    }
}
