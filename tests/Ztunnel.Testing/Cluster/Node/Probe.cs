using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>Asks a container how it is as a kubelet does: from its node by HTTP or by a connection, or by a command in it.</summary>
internal static class Probe
{
    /// <summary>Whether the probe succeeds now. A container without one is well.</summary>
    public static async Task<bool> Succeeds(
        JsonNode? probe, JsonNode container, IPAddress pod, LabNode node, Func<LabCommand, Task<ProcessResult>> exec, CancellationToken cancellationToken)
    {
        if (probe is null)
            return true;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(TimeSpan.FromSeconds(Math.Max(5, probe["timeoutSeconds"]?.GetValue<int>() ?? 1)));
        try
        {
            if (probe["httpGet"] is { } get)
                return await Get(get, PortOf(get, container), pod, node, deadline.Token);
            if (probe["exec"]?["command"] is JsonArray command)
                return (await exec(new LabCommand(ClusterObject.Text(command[0]), [.. command.Skip(1).Select(ClusterObject.Text)]))).ExitCode == 0;
            if (probe["tcpSocket"] is { } connect)
            {
                using Socket socket = await Connect(node, new IPEndPoint(pod, PortOf(connect, container)), deadline.Token);
                return true;
            }
        }
        catch (Exception exception) when (exception is SocketException or HttpRequestException or IOException or LabException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return false;
        }

        throw new LabException($"container {container["name"]}: the lab has no probes such as {probe.ToJsonString()}");
    }

    private static async Task<bool> Get(JsonNode get, int port, IPAddress pod, LabNode node, CancellationToken cancellationToken)
    {
        IPAddress host = ClusterObject.Text(get["host"]) is { Length: > 0 } other ? IPAddress.Parse(other) : pod;
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancelled) => new NetworkStream(await Connect(node, new IPEndPoint(host, port), cancelled), ownsSocket: true),
        };
        using var client = new HttpClient(handler);
        using HttpResponseMessage answer = await client.GetAsync(new Uri($"http://{host}:{port}{get["path"] ?? "/"}"), cancellationToken);
        return (int)answer.StatusCode is >= 200 and < 400;
    }

    private static async Task<Socket> Connect(LabNode node, IPEndPoint to, CancellationToken cancellationToken)
    {
        Socket socket = node.NetworkNamespace.Run(() => new Socket(to.AddressFamily, SocketType.Stream, ProtocolType.Tcp));
        try
        {
            await socket.ConnectAsync(to, cancellationToken);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private static int PortOf(JsonNode where, JsonNode container) => where["port"]!.GetValueKind() == JsonValueKind.Number
        ? where["port"]!.GetValue<int>()
        : (container["ports"] as JsonArray)?.FirstOrDefault(port => ClusterObject.Text(port!["name"]) == ClusterObject.Text(where["port"]))
            ?["containerPort"]?.GetValue<int>() ?? throw new LabException($"container {container["name"]} has no port {where["port"]}");
}
