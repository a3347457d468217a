using System.Collections.Frozen;

namespace Ztunnel.Mesh;

/// <summary>One TCP port of a <see cref="Service"/>. Ports of other protocols are not in the model.</summary>
/// <param name="Name">The port's name, by which endpoints say which port of theirs serves it; empty when it has none.</param>
/// <param name="Port">What clients connect to at the service's virtual IP.</param>
/// <param name="TargetPort">The pods' port where the service says a number, 0 where it says a name: each endpoint then has its own.</param>
/// <param name="AppProtocol">What the service says is spoken on it (<c>appProtocol</c>), or null.</param>
public sealed record ServicePort(string Name, ushort Port, ushort TargetPort, string? AppProtocol = null)
{
    private const string GrpcWeb = "grpc-web";

    private static readonly FrozenDictionary<string, ApplicationProtocol>.AlternateLookup<ReadOnlySpan<char>> Known =
        new Dictionary<string, ApplicationProtocol>(StringComparer.OrdinalIgnoreCase)
        {
            ["http"] = ApplicationProtocol.Http1,
            [GrpcWeb] = ApplicationProtocol.Http1,
            ["http2"] = ApplicationProtocol.Http2,
            ["h2c"] = ApplicationProtocol.Http2,
            ["grpc"] = ApplicationProtocol.Http2,
            ["kubernetes.io/h2c"] = ApplicationProtocol.Http2,
            ["kubernetes.io/ws"] = ApplicationProtocol.WebSocket,
            ["kubernetes.io/wss"] = ApplicationProtocol.SecureWebSocket,
            ["tcp"] = ApplicationProtocol.Opaque,
            ["tls"] = ApplicationProtocol.Opaque,
            ["https"] = ApplicationProtocol.Opaque,
            ["mongo"] = ApplicationProtocol.Opaque,
            ["mysql"] = ApplicationProtocol.Opaque,
            ["redis"] = ApplicationProtocol.Opaque,
        }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>
    /// What is spoken on it: by <see cref="AppProtocol"/>, or else by the beginning of its name up to a dash (istio.io, Protocol
    /// Selection). Allocates nothing.
    /// </summary>
    public ApplicationProtocol Spoken => Known.TryGetValue(AppProtocol ?? Beginning(Name), out ApplicationProtocol protocol) ? protocol : ApplicationProtocol.Unknown;

    private static ReadOnlySpan<char> Beginning(string name)
    {
        // The one name with a dash of its own.
        if (name.StartsWith(GrpcWeb, StringComparison.OrdinalIgnoreCase) && (name.Length == GrpcWeb.Length || name[GrpcWeb.Length] == '-'))
            return GrpcWeb;
        int dash = name.IndexOf('-', StringComparison.Ordinal);
        return dash < 0 ? name : name.AsSpan(0, dash);
    }
}
