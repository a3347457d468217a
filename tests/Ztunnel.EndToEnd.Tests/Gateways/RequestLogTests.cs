using System.Net.Sockets;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What a gateway's access log says of requests.</summary>
[Collection(nameof(GatewayLab))]
public sealed class RequestLogTests(GatewayLab lab)
{
    [Theory]
    [InlineData("web.test", "/missing", "response_code=500 response_flags=\"-\" response_code_details=\"backend_fault{Service_default/nowhere")]
    [InlineData("none.test", "/", "response_code=404 response_flags=\"NR\" response_code_details=\"route_not_found\"")]
    [InlineData("web.test", "/empty", "response_code=503 response_flags=\"UH\" response_code_details=\"no_healthy_upstream\"")]
    [InlineData("web.test", "/deaf", "response_code=503 response_flags=\"UF\" response_code_details=\"upstream_reset_before_response_started{remote_connection_failure}\"")]
    [InlineData("web.test", "/slow", "response_code=504 response_flags=\"UT\" response_code_details=\"response_timeout\"")]
    [InlineData("web.test", "/status/418", "response_code=418 response_flags=\"-\" response_code_details=\"via_upstream\" bytes_received=0 bytes_sent=6")]
    [InlineData("web.test", "/a/..;/b", "response_code=400 response_flags=\"DPE\"")]
    public async Task A_request_is_a_line_that_says_what_came_of_it(string host, string path, string says)
    {
        string id = Guid.NewGuid().ToString();
        await lab.Curl("-H", $"Host: {host}", "-H", $"x-request-id: {id}", $"http://{lab.Edge}{path}");

        string line = await lab.Mesh.Line("request complete", id);
        Assert.Contains($"method=\"GET\" path=\"{path}\" protocol=\"HTTP/1.1\" authority=\"{host}\" {says}", line, StringComparison.Ordinal);
        Assert.Contains($"downstream_remote_address={lab.Stranger.IPv4}:", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_says_where_a_request_went_and_how_much_was_carried()
    {
        string id = Guid.NewGuid().ToString();
        await lab.Curl("-H", "Host: web.test", "-H", $"x-request-id: {id}", "-H", "Transfer-Encoding: chunked", "-d", "0123456789", $"http://{lab.Edge}/duplex?access_token=secret");

        string line = await lab.Mesh.Line("request complete", id);
        Assert.Contains("method=\"POST\" path=\"/duplex?access_token=REDACTED\"", line, StringComparison.Ordinal);
        Assert.Contains("bytes_received=10 bytes_sent=10 ", line, StringComparison.Ordinal);
        Assert.Contains($"upstream_host={lab.Mesh.Pod("v1").IPv4}:8081 upstream_cluster=\"outbound|80||rpc.default.svc.cluster.local\" route_name=\"default.web.", line, StringComparison.Ordinal);
        Assert.DoesNotContain("src.identity", line, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_waypoint_says_who_asked()
    {
        string id = Guid.NewGuid().ToString();
        await lab.CurlInMesh("-H", $"x-request-id: {id}", $"http://{GatewayLab.Addresses["walled"]}/status/418");

        string line = await lab.Mesh.Line("request complete", id);
        Assert.Contains("src.identity=\"spiffe://cluster.local/ns/default/sa/client\"", line, StringComparison.Ordinal);
        Assert.Contains("upstream_cluster=\"outbound|80||walled.default.svc.cluster.local\" route_name=\"default.walled.0\"", line, StringComparison.Ordinal);
    }

    // At once, so that its request and its end are often seen together; and nothing times this one out, as its body never comes.
    [Theory]
    [InlineData("Content-Length: 5\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nab")]
    public async Task A_client_that_goes_away_is_told_apart(string rest)
    {
        string[] ids = [.. Enumerable.Range(0, 20).Select(_ => Guid.NewGuid().ToString())];
        await Task.WhenAll(ids.Select(async id =>
        {
            using Socket client = await PodSocket.Connect(lab.Stranger, System.Net.IPAddress.Parse(lab.Edge), 80);
            await client.SendText($"POST /echo HTTP/1.1\r\nHost: plain.test\r\nx-request-id: {id}\r\n{rest}");
            client.Shutdown(SocketShutdown.Send);
            try
            {
                Assert.Empty(await client.ReceiveToEnd());
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
            {
                // No answer either.
            }
        }));

        foreach (string id in ids)
            Assert.Contains("response_code=0 response_flags=\"DC\"", await lab.Mesh.Line("request complete", id), StringComparison.Ordinal);
    }
}
