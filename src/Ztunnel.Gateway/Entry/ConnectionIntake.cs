using System.Net;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// Hands connections to the HTTP server once it is known which HTTP they speak: by what TLS agreed on, or else by their first
/// bytes, as HTTP/1.1 and HTTP/2 with prior knowledge share a port.
/// </summary>
internal sealed class ConnectionIntake(HttpServer server, HttpLimits limits)
{
    /// <summary>What HTTP/2 begins with and no HTTP/1 request does: its method <c>PRI</c> (RFC 9113 section 3.4).</summary>
    private static readonly byte[] Http2Start = "PRI "u8.ToArray();

    private static readonly TimeSpan NextByte = TimeSpan.FromMilliseconds(5);

    /// <summary>Takes over a connection. Loop thread only.</summary>
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
            _ => await SpeaksHttp2(channel),
        };
        if (http2 is { } known)
            server.Serve(new ChannelConnection(channel, entry, local, known), known);
        else
            channel.Dispose();
    }

    /// <summary>Looks at the first bytes and leaves them there; null when none come.</summary>
    private async ValueTask<bool?> SpeaksHttp2(Channel channel)
    {
        using LoopTimer deadline = channel.Loop.Schedule(limits.IdleTimeout, static state => TimeOut((Channel)state!), channel);
        while (true)
        {
            switch (channel.TryRead(out Chunk chunk))
            {
                case ReadStatus.Data:
                    int common = chunk.Bytes.CommonPrefixLength(Http2Start);
                    bool undecided = common == chunk.Length && common < Http2Start.Length;
                    channel.Consume(0);
                    if (!undecided)
                        return common == Http2Start.Length;
                    // A channel that holds bytes does not wait for more. This is for who sends its first bytes one by one.
                    await channel.Loop.DelayAsync(NextByte);
                    break;
                case ReadStatus.Pending:
                    await channel.WaitForReadAsync();
                    break;
                default:
                    return null;
            }
        }
    }

    private static void TimeOut(Channel channel) => channel.Abort(new ChannelFailure(FailureKind.TimedOut, "no request in time"));
}
