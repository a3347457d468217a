using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What is spoken to the ports that routes name as backends.</summary>
internal static class Protocols
{
    /// <summary>What to speak to a port: what its Service says, or what the kind of route is about.</summary>
    public static BackendProtocol Of(ServicePort port, bool grpc) => port.Spoken switch
    {
        ApplicationProtocol.WebSocket => BackendProtocol.WebSocket,
        ApplicationProtocol.SecureWebSocket => BackendProtocol.SecureWebSocket,
        ApplicationProtocol.Http2 => BackendProtocol.Http2,
        _ => grpc ? BackendProtocol.Http2 : BackendProtocol.Http1,
    };
}
