using System.Net;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// Hands connections to the HTTP server once it is known which HTTP they speak: by what TLS agreed on, or else by their first
/// bytes, as HTTP/1.1 and HTTP/2 with prior knowledge share a port.
/// </summary>
internal sealed class ConnectionIntake(HttpServer server, HttpLimits limits)
{
    /// <summary>Takes over a connection, and completes when it is over. Loop thread only.</summary>
    /// <param name="channel">The connection.</param>
    /// <param name="entry">How it came in.</param>
    /// <param name="local">The address it came to.</param>
    /// <param name="agreed">The protocol agreed on by ALPN; null where there was no such agreement.</param>
    public async ValueTask Admit(Channel channel, Entry entry, IPEndPoint local, string? agreed = null)
    {
        bool? http2 = agreed switch
        {
            "h2" => true,
            "http/1.1" => false,
            _ => null,
        };
        if (http2 is null)
            (channel, http2) = await FirstBytes.Ask(channel, limits.IdleTimeout, FirstBytes.IsHttp2);
        if (http2 is not { } known)
        {
            channel.Dispose();
            return;
        }

        var connection = new ChannelConnection(channel, entry, local, known);
        server.Serve(connection, known);
        await connection.Disposed;
    }
}
