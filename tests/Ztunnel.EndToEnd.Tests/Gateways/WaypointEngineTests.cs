using System.Net;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>A waypoint of ours, asked by pods of the mesh and by an ingress gateway.</summary>
[Collection(nameof(GatewayLab))]
public sealed class WaypointEngineTests(GatewayLab lab)
{
    [Theory]
    [InlineData("/status/418", "teapot|418")]
    [InlineData("/get", "|404")]
    public async Task The_path_list_of_a_route_holds_for_pods_of_the_mesh(string path, string answer) => Assert.Equal(
        answer, (await lab.CurlInMesh("-w", "|%{http_code}", $"http://{GatewayLab.Addresses["walled"]}{path}")).Output);

    [Theory]
    [InlineData("/status/418", "teapot|418")]
    [InlineData("/get", "|404")]
    public async Task And_for_what_comes_through_an_ingress_gateway(string path, string answer) => Assert.Equal(
        answer, (await lab.Curl("-w", "|%{http_code}", "-H", "Host: web.test", $"http://{lab.Edge}/walled{path}")).Output);

    [Fact]
    public async Task A_service_without_routes_is_reached_as_it_is()
    {
        string answer = (await lab.CurlInMesh("-i", $"http://{GatewayLab.Addresses["unrouted"]}/any?thing")).Output;
        Assert.Contains("GET /any?thing HTTP/1.1", answer, StringComparison.Ordinal);
        Assert.Contains("pod=v4", answer, StringComparison.Ordinal);
        Assert.Contains("server: istio-envoy", answer, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("raw", 7000)]
    [InlineData("unsaid", 7001)]
    public async Task What_is_no_HTTP_is_relayed_as_it_is(string service, int port)
    {
        using PodListener server = PodListener.Start(lab.Mesh.Pod("v4"), port);
        using System.Net.Sockets.Socket client = await PodSocket.Connect(lab.Client, IPAddress.Parse(GatewayLab.Addresses[service]), 80);
        byte[] question = [0, 1, 2, 3, 255];
        if (service == "unsaid")
            await client.SendAsync(question, TestContext.Current.CancellationToken);
        using System.Net.Sockets.Socket accepted = await server.Accept();
        // Where the service says that it is no HTTP the server may speak first.
        await accepted.SendAsync("welcome\n"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal("welcome\n", await client.ReceiveText("welcome\n"));
        if (service == "raw")
            await client.SendAsync(question, TestContext.Current.CancellationToken);
        byte[] got = new byte[5];
        int count = await accepted.ReceiveAsync(got, TestContext.Current.CancellationToken);
        Assert.Equal(question, got[..count]);
    }

    [Fact]
    public async Task A_rule_limits_the_connections_that_are_relayed()
    {
        lab.Mesh.Manifests.Write("raw-rule.yaml", """
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: raw, namespace: default}
            spec: {host: raw, trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}}

            """);
        try
        {
            await MeshLab.Eventually("the rule", () => Task.FromResult(lab.Waypoint.Mesh.DestinationRules.Any()));
            using PodListener server = PodListener.Start(lab.Mesh.Pod("v4"), 7000);
            System.Net.Sockets.Socket first = await Connect();
            using (System.Net.Sockets.Socket accepted = await server.Accept())
            {
                await UntilEnded().WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken);
            }

            first.Dispose();
            Task<System.Net.Sockets.Socket> accepting = server.Accept();
            await MeshLab.Eventually("room again", async () =>
            {
                await Task.WhenAny(accepting, UntilEnded());
                return accepting.IsCompleted;
            });
            (await accepting).Dispose();
        }
        finally
        {
            lab.Mesh.Manifests.Delete("raw-rule.yaml");
        }

        async Task UntilEnded()
        {
            try
            {
                using System.Net.Sockets.Socket socket = await Connect();
                await socket.ReceiveAsync(new byte[1], TestContext.Current.CancellationToken);
            }
            catch (System.Net.Sockets.SocketException)
            {
                // Reset is ended too.
            }
        }

        Task<System.Net.Sockets.Socket> Connect() => PodSocket.Connect(lab.Client, IPAddress.Parse(GatewayLab.Addresses["raw"]), 80);
    }
}
