using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Asks the diagnostics of a node, or of a gateway in a pod, over HTTP from inside, as a person or the kubelet would.</summary>
internal static class NodeDiagnostics
{
    public static async Task<(HttpStatusCode Status, string Body)> Get(LabHost node, string url)
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, stop) =>
            {
                Socket socket = node.NetworkNamespace.Run(() => new Socket(SocketType.Stream, ProtocolType.Tcp));
                await socket.ConnectAsync(context.DnsEndPoint.Host, context.DnsEndPoint.Port, stop);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        using var client = new HttpClient(handler) { Timeout = MeshLab.Patience };
        using HttpResponseMessage response = await client.GetAsync(new Uri(url));
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    public static Task<(HttpStatusCode Status, string Body)> Ready(LabNode node) => Get(node, "http://127.0.0.1:15021/healthz/ready");

    public static async Task<JsonElement> Dump(LabHost node)
    {
        (HttpStatusCode status, string body) = await Get(node, "http://127.0.0.1:15000/config_dump");
        Assert.Equal(HttpStatusCode.OK, status);
        using JsonDocument document = JsonDocument.Parse(body);
        return document.RootElement.Clone();
    }

    /// <summary>What the dump says of one pod's capture and connections; undefined when it says nothing.</summary>
    public static async Task<JsonElement> PodState(LabNode node, string podName)
    {
        JsonElement dump = await Dump(node);
        return dump.GetProperty("workloadState").EnumerateObject()
            .Select(state => state.Value)
            .FirstOrDefault(state => state.TryGetProperty("info", out JsonElement info) && info.GetProperty("name").GetString() == podName);
    }

    /// <summary>The reason the dump gives for a pod's not being captured; null while it gives none.</summary>
    public static async Task<string?> Reason(LabNode node, string podName) =>
        await PodState(node, podName) is { ValueKind: JsonValueKind.Object } state
        && state.GetProperty("capture").TryGetProperty("reason", out JsonElement reason)
            ? reason.GetString()
            : null;
}
