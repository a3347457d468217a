using System.Net;
using System.Text.Json;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What a node tells of itself while it works.</summary>
public sealed class DiagnosticsTests
{
    [Fact]
    public async Task A_node_is_ready_and_shows_workloads_services_certificates_and_the_connections_open_now()
    {
        await using MeshLab mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client");
                lab.Node("b").Pod("server");
            },
            network => Yaml.Join(
                MeshLab.Ordinary(network), Yaml.Service("echo", "default", "{app: server}", 80, "8080", "10.96.0.7")));
        await using EchoServer server = EchoServer.Start(mesh.Pod("server"));
        using EchoClient open = await EchoServer.Connect(mesh.Pod("client"), IPAddress.Parse("10.96.0.7"), 80);

        Assert.Equal((HttpStatusCode.OK, "ready\n"), await NodeDiagnostics.Ready(mesh.Network.Node("a")));
        JsonElement dump = await NodeDiagnostics.Dump(mesh.Network.Node("a"));
        Assert.Equal("client server", string.Join(' ', dump.GetProperty("workloads").EnumerateArray().Select(w => w.GetProperty("name").GetString())));
        Assert.All(dump.GetProperty("workloads").EnumerateArray(), w => Assert.Equal("HBONE", w.GetProperty("protocol").GetString()));
        JsonElement service = Assert.Single(dump.GetProperty("services").EnumerateArray());
        Assert.Equal("echo.default.svc.cluster.local", service.GetProperty("hostname").GetString());
        JsonElement certificate = Assert.Single(dump.GetProperty("certificates").EnumerateArray());
        Assert.Equal("spiffe://cluster.local/ns/default/sa/client", certificate.GetProperty("identity").GetString());
        Assert.NotEqual(0, certificate.GetProperty("certChain").GetArrayLength());
        Assert.NotEqual(0, certificate.GetProperty("rootCerts").GetArrayLength());
        Assert.Equal(1, dump.GetProperty("authority").GetProperty("roots").GetArrayLength());
        Assert.True(dump.GetProperty("authority").GetProperty("signsUntil").GetDateTimeOffset() > DateTimeOffset.UtcNow);
        Assert.DoesNotContain("PRIVATE", dump.GetRawText(), StringComparison.OrdinalIgnoreCase);

        string application = $"{mesh.Pod("server").IPv4}:8080";
        Assert.Equal($"10.96.0.7:80 {mesh.Pod("server").IPv4}:15008 {application}", await OpenConnection(mesh, "a", "client", "outbound"));
        Assert.Equal($"{application} {application} {application}", await OpenConnection(mesh, "b", "server", "inbound"));

        await open.Close();
        await MeshLab.Eventually("the connection to go from the client's node", async () => await OpenConnection(mesh, "a", "client", "outbound") is null);
        await MeshLab.Eventually("the connection to go from the server's node", async () => await OpenConnection(mesh, "b", "server", "inbound") is null);
    }

    /// <summary>What was asked for, where it goes and under what authority, of the one open connection; null when none is open.</summary>
    private static async Task<string?> OpenConnection(MeshLab mesh, string node, string pod, string direction)
    {
        JsonElement state = await NodeDiagnostics.PodState(mesh.Network.Node(node), pod);
        JsonElement[] open = [.. state.GetProperty("connections").GetProperty(direction).EnumerateArray()];
        return open is []
            ? null
            : string.Join(' ', new[] { "originalDst", "actualDst", "authority" }.Select(name => Assert.Single(open).GetProperty(name).GetString()));
    }
}
