using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What a Service says is spoken on its ports: Kubernetes' names, and Istio's, also as the beginning of the port's name.</summary>
internal static class Protocols
{
    /// <summary>What to speak to a port. A value nobody knows says nothing.</summary>
    public static BackendProtocol Of(ServicePort port, bool grpc) => (port.AppProtocol?.ToLowerInvariant() ?? ByName(port.Name)) switch
    {
        "kubernetes.io/ws" => BackendProtocol.WebSocket,
        "kubernetes.io/wss" => BackendProtocol.SecureWebSocket,
        "kubernetes.io/h2c" or "http2" or "grpc" or "h2c" => BackendProtocol.Http2,
        _ => grpc ? BackendProtocol.Http2 : BackendProtocol.Http1,
    };

    private static string ByName(string name) => name.IndexOf('-', StringComparison.Ordinal) is >= 0 and var end ? name[..end] : name;
}
