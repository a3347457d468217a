using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Telemetry.Tests;

public sealed class RequestLineTests
{
    [Fact]
    public void A_request_is_one_line_in_the_words_of_Envoy()
    {
        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(Request("/get?a=1"))));

        Assert.Equal(
            "2026-03-01T12:00:00.123456Z\tinfo\taccess\trequest complete\t"
            + "method=\"GET\" path=\"/get?a=1\" protocol=\"HTTP/1.1\" authority=\"web.test\" response_code=200 response_flags=\"-\" "
            + "response_code_details=\"via_upstream\" bytes_received=0 bytes_sent=42 duration=\"15ms\" upstream_service_time=\"14ms\" "
            + "upstream_host=10.2.0.2:8080 upstream_cluster=\"outbound|8000||httpbin.default.svc.cluster.local\" route_name=\"default.web.1\" "
            + "request_id=\"abc\" x_forwarded_for=\"192.0.2.1\" user_agent=\"curl\\\"\\n\" downstream_remote_address=10.1.0.2:40000 "
            + "src.identity=\"spiffe://cluster.local/ns/default/sa/curl\" requested_server_name=\"web.test\"",
            line);
    }

    [Theory]
    [InlineData("/x", "/x")]
    [InlineData("/x?", "/x?")]
    [InlineData("/x?a=1&b", "/x?a=1&b")]
    [InlineData("/x?access_token=abc&b=2", "/x?access_token=REDACTED&b=2")]
    [InlineData("/x?a=1&jwt=eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln", "/x?a=1&jwt=REDACTED")]
    [InlineData("/x?jwt=eyJhbGciOiJSUzI1NiJ9%2EeyJpc3MiOiJhIn0%2Ec2ln&c", "/x?jwt=REDACTED&c")]
    [InlineData("/x?version=10.20.30&e=e.g.", "/x?version=10.20.30&e=e.g.")]
    public void Tokens_in_a_query_are_not_written(string asked, string written)
    {
        string line = Assert.Single(Output.OfAccessLog(LogFormat.Text, log => log.Write(Request(asked))));

        Assert.Contains($" path=\"{written}\" ", line.Replace("\tmethod", " method", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    private static RequestRecord Request(string path) => new()
    {
        Method = "GET",
        Path = path,
        Protocol = "HTTP/1.1",
        Authority = "web.test",
        Status = 200,
        Details = "via_upstream",
        BytesSent = 42,
        Duration = TimeSpan.FromMilliseconds(15.4),
        UpstreamServiceTime = 14,
        UpstreamHost = "10.2.0.2:8080",
        ServiceHost = "httpbin.default.svc.cluster.local",
        ServicePort = 8000,
        Rule = new HttpRule { Route = new RouteName(RouteKind.Http, "default", "web"), Index = 1 },
        RequestId = "abc",
        ForwardedFor = "192.0.2.1",
        UserAgent = "curl\"\n",
        Client = IPEndPoint.Parse("10.1.0.2:40000"),
        SourceIdentity = SpiffeId.Parse("spiffe://cluster.local/ns/default/sa/curl"),
        ServerName = "web.test",
    };
}
