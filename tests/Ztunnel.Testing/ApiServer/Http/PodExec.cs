using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;

namespace Ztunnel.Testing.Api;

/// <summary>
/// <c>pods/NAME/exec</c> over a WebSocket (subprotocol <c>v5.channel.k8s.io</c>: the first byte of a message is its channel) or SPDY
/// (<c>v4.channel.k8s.io</c>: a stream for each), for commands that end by themselves and read nothing.
/// </summary>
internal sealed class PodExec
{
    private const string Protocol = "v5.channel.k8s.io", SpdyProtocol = "v4.channel.k8s.io", ProtocolHeader = "X-Stream-Protocol-Version", Spdy = "SPDY/3.1";
    private const byte Output = 1, Error = 2, Outcome = 3;

    /// <summary>What runs commands: the nodes of a cluster, where there are any.</summary>
    public Func<PodCommand, CancellationToken, Task<PodCommandResult>>? Run { get; set; }

    /// <summary>Answers an upgrade with what the command writes and how it ends.</summary>
    public async Task Answer(Exchange exchange, Target target)
    {
        if (Run is null)
            throw new ApiFailure(502, "InternalError", $"error dialing backend: no node runs pod {target.Namespace}/{target.Name}");
        var command = new PodCommand(target.Namespace, target.Name, [.. exchange.Http.Request.Query["command"].OfType<string>()]);
        if (exchange.Http.Request.Headers.Upgrade == Spdy && exchange.Http.Request.Headers[ProtocolHeader].Contains(SpdyProtocol, StringComparer.Ordinal))
            await AnswerBySpdy(exchange, () => Run(command, exchange.Gone));
        else if (exchange.Http.WebSockets.IsWebSocketRequest && exchange.Http.WebSockets.WebSocketRequestedProtocols.Contains(Protocol))
            await AnswerByWebSocket(exchange, () => Run(command, exchange.Gone));
        else
            throw ApiFailure.BadRequest("Upgrade request required");
    }

    private static async Task AnswerByWebSocket(Exchange exchange, Func<Task<PodCommandResult>> run)
    {
        // Not the other way round: what comes before kubectl has made its streams it loses (kubernetes/kubernetes#131203).
        using WebSocket socket = await exchange.Http.WebSockets.AcceptWebSocketAsync(Protocol);
        PodCommandResult result = await run();
        await Send(socket, Output, result.Output, exchange.Gone);
        await Send(socket, Error, result.Error, exchange.Gone);
        await Send(socket, Outcome, Status(result.ExitCode).ToJsonString(), exchange.Gone);
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, exchange.Gone);
    }

    private static async Task AnswerBySpdy(Exchange exchange, Func<Task<PodCommandResult>> run)
    {
        exchange.Http.Response.Headers.Upgrade = Spdy;
        exchange.Http.Response.Headers[ProtocolHeader] = SpdyProtocol;
        await using Stream transport = await exchange.Http.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        var connection = new SpdyConnection(transport);
        // In this order: how it ends, then what was asked for of what it writes.
        string[] asked = [.. ((string[])["stdout", "stderr"]).Where(exchange.Asks)];
        IReadOnlyList<uint> streams = await connection.Accept(1 + asked.Length, exchange.Gone);
        PodCommandResult result = await run();
        for (int i = 0; i < asked.Length; i++)
            await connection.Send(streams[1 + i], Encoding.UTF8.GetBytes(asked[i] == "stdout" ? result.Output : result.Error), exchange.Gone);
        await connection.Send(streams[0], Encoding.UTF8.GetBytes(Status(result.ExitCode).ToJsonString()), exchange.Gone);
        await connection.UntilGone(exchange.Gone);
    }

    private static async Task Send(WebSocket socket, byte channel, string text, CancellationToken cancellationToken)
    {
        if (text.Length > 0)
            await socket.SendAsync((byte[])[channel, .. Encoding.UTF8.GetBytes(text)], WebSocketMessageType.Binary, endOfMessage: true, cancellationToken);
    }

    private static JsonObject Status(int code) => code == 0
        ? new JsonObject { ["metadata"] = new JsonObject(), ["status"] = "Success" }
        : new JsonObject
        {
            ["metadata"] = new JsonObject(),
            ["status"] = "Failure",
            ["reason"] = "NonZeroExitCode",
            ["message"] = $"command terminated with non-zero exit code: exit status {code}",
            ["details"] = new JsonObject { ["causes"] = new JsonArray(new JsonObject { ["reason"] = "ExitCode", ["message"] = $"{code}" }) },
        };
}
