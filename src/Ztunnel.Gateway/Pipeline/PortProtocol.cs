using Microsoft.AspNetCore.Http;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>
/// What is spoken on a port of a service, by its <c>appProtocol</c> or else by its name up to the first dash (istio.io,
/// Protocol Selection).
/// </summary>
internal static class PortProtocol
{
    /// <summary>What is known of a port.</summary>
    public static Spoken Of(Service? service, ushort port)
    {
        if (service?.Ports.FirstOrDefault(candidate => candidate.Port == port) is not { } served)
            return Spoken.Unknown;
        string said = served.AppProtocol ?? served.Name.Split('-')[0];
        return said.ToLowerInvariant() switch
        {
            "http" or "grpc-web" or "kubernetes.io/ws" => Spoken.Http1,
            "http2" or "grpc" or "kubernetes.io/h2c" => Spoken.Http2,
            "tcp" or "tls" or "https" or "mongo" or "mysql" or "redis" or "kubernetes.io/wss" => Spoken.Other,
            _ => Spoken.Unknown,
        };
    }

    /// <summary>What a request is sent on in.</summary>
    public static BackendProtocol ForRequest(Service service, ushort port, HttpRequest request) => Of(service, port) switch
    {
        Spoken.Http1 => ForRequest(BackendProtocol.Http1, request, declared: true),
        Spoken.Http2 => BackendProtocol.Http2,
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

/// <summary>What is spoken on a port.</summary>
internal enum Spoken
{
    /// <summary>Nobody says.</summary>
    Unknown,

    /// <summary>HTTP/1.1.</summary>
    Http1,

    /// <summary>HTTP/2 with prior knowledge.</summary>
    Http2,

    /// <summary>Something that is none of our business: it is relayed as it is.</summary>
    Other,
}
