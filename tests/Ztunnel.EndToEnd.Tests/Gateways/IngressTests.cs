using System.Globalization;
using System.Text.RegularExpressions;
using Ztunnel.IO;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>An ingress gateway as clients outside the mesh meet it, with curl.</summary>
[Collection(nameof(GatewayLab))]
public sealed class IngressTests(GatewayLab lab)
{
    private string Web => $"http://{lab.Edge}";

    [Fact]
    public async Task A_request_is_routed_by_host_and_comes_with_the_headers_users_look_for()
    {
        ProcessResult result = await lab.Curl("-i", "-H", "Host: web.test", "-H", "x-envoy-internal: true", "-H", "x-forwarded-client-cert: By=me", $"{Web}/some/path?a=%20b");
        string answer = result.Output;
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Contains("server: istio-envoy", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Matches("(?i)x-envoy-upstream-service-time: [0-9]+\r", answer);
        Assert.Contains("GET /some/path?a=%20b HTTP/1.1\n", answer, StringComparison.Ordinal);
        Assert.Contains("\nhost: web.test\n", answer, StringComparison.Ordinal);
        Assert.Contains($"\nx-forwarded-for: {lab.Stranger.IPv4}\n", answer, StringComparison.Ordinal);
        Assert.Contains("\nx-forwarded-proto: http\n", answer, StringComparison.Ordinal);
        Assert.Matches("\nx-request-id: [0-9a-f-]{36}\n", answer);
        Assert.DoesNotContain("x-envoy-internal", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("x-forwarded-client-cert", answer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none.test", "/", 404, "")]
    [InlineData("only.test", "/other", 404, "")]
    [InlineData("web.test", "/missing", 500, "")]
    [InlineData("web.test", "/empty", 503, "no healthy upstream")]
    [InlineData("web.test", "/deaf", 503, "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure")]
    [InlineData("web.test", "/slow", 504, "upstream request timeout")]
    [InlineData("web.test", "/status/418", 418, "teapot")]
    [InlineData("web.test", "/a/%00/b", 400, "")]
    public async Task Answers_are_worded_as_users_know_them(string host, string path, int status, string body)
    {
        ProcessResult result = await lab.Curl("-H", $"Host: {host}", "-w", "|%{http_code}", $"{Web}{path}");
        Assert.Equal($"{body}|{status.ToString(CultureInfo.InvariantCulture)}", result.Output);
    }

    [Fact]
    public async Task A_gateway_bound_to_a_service_is_served_by_its_pods_at_their_target_port()
    {
        await MeshLab.Eventually(
            "the Gateway bound to the service to be served",
            async () => (await lab.Curl("-H", "Host: front.test", "-o", "/dev/null", "-w", "%{http_code}", $"{Web}:8000/")).Output == "200");
        ProcessResult other = await lab.Curl("-H", "Host: web.test", "-o", "/dev/null", "-w", "%{http_code}", $"{Web}/");
        Assert.Equal("200", other.Output);
    }

    [Fact]
    public async Task Filters_change_what_the_backend_and_the_client_see()
    {
        string answer = (await lab.Curl("-i", "-H", "Host: web.test", "-H", "x-gone: 1", "-H", "x-add: 0", $"{Web}/rewritten/x?q")).Output;
        Assert.Contains("GET /deep/x?q HTTP/1.1", answer, StringComparison.Ordinal);
        Assert.Contains("\nhost: inner.test\n", answer, StringComparison.Ordinal);
        Assert.Contains("\nx-set: s\n", answer, StringComparison.Ordinal);
        Assert.Contains("\nx-add: 0,a\n", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("x-gone", answer, StringComparison.Ordinal);
        Assert.Contains("x-back: r", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("x-from", answer, StringComparison.Ordinal);

        string moved = (await lab.Curl("-i", "-H", "Host: web.test", $"{Web}/moved/x?q")).Output;
        Assert.StartsWith("HTTP/1.1 301", moved, StringComparison.Ordinal);
        Assert.Contains("location: http://new.test/there/x?q\r", moved, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_browsers_question_is_answered_at_the_gateway()
    {
        string answer = (await lab.Curl(
            "-i", "-X", "OPTIONS", "-H", "Host: web.test", "-H", "Origin: https://ok.test", "-H", "Access-Control-Request-Method: PUT", $"{Web}/cors")).Output;
        Assert.StartsWith("HTTP/1.1 200", answer, StringComparison.Ordinal);
        Assert.Contains("access-control-allow-origin: https://ok.test", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("access-control-max-age: 7", answer, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("pod=", answer, StringComparison.Ordinal);
        string other = (await lab.Curl("-i", "-H", "Host: web.test", "-H", "Origin: https://no.test", $"{Web}/cors")).Output;
        Assert.Contains("pod=v1", other, StringComparison.Ordinal);
        Assert.DoesNotContain("access-control", other, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Weights_share_out_the_requests()
    {
        string all = (await lab.Curl("-H", "Host: web.test", $"{Web}/canary?[1-300]")).Output;
        int first = Regex.Count(all, "pod=v1", RegexOptions.None, MeshLab.Patience);
        Assert.Equal(300, first + Regex.Count(all, "pod=v2", RegexOptions.None, MeshLab.Patience));
        // 90 per cent of 300, give or take six standard deviations.
        Assert.InRange(first, 239, 299);
    }

    [Fact]
    public async Task HTTP2_with_prior_knowledge_shares_the_port_and_trailers_come_through()
    {
        ProcessResult plain = await lab.Curl("--http2-prior-knowledge", "-w", "%{http_version}", "-H", "Host: web.test", $"{Web}/");
        Assert.EndsWith("2", plain.Output, StringComparison.Ordinal);
        ProcessResult result = await lab.Curl("--http2-prior-knowledge", "-v", "-H", "Host: web.test", "-H", "content-type: application/grpc", $"{Web}/trailers");
        Assert.Contains("body", result.Output, StringComparison.Ordinal);
        Assert.Contains("grpc-status: 0", result.Error, StringComparison.Ordinal);
        ProcessResult none = await lab.Curl("--http2-prior-knowledge", "-i", "-H", "Host: none.test", "-H", "content-type: application/grpc", $"{Web}/x.Y/Z");
        Assert.Contains("grpc-status: 12", none.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--http1.1")]
    [InlineData("--http2-prior-knowledge")]
    public async Task Megabytes_stream_through_both_ways(string version)
    {
        ProcessResult result = await lab.Stranger.Exec(
            "bash", "-c", $"head -c 20000000 /dev/urandom > /tmp/up.$$; curl -sS {version} --max-time 90 -H 'Host: web.test' -T /tmp/up.$$ {Web}/duplex | cmp - /tmp/up.$$ && echo same; rm /tmp/up.$$");
        Assert.Equal("same\n", result.Output + result.Error);
    }

    [Fact]
    public async Task Megabytes_are_uploaded_to_a_backend_that_speaks_HTTP1()
    {
        ProcessResult result = await lab.Stranger.Exec("bash", "-c", $"head -c 20000000 /dev/zero | curl -sS --max-time 90 -H 'Host: web.test' -T - {Web}/count");
        Assert.Equal("20000000", result.Output);
    }

    [Fact]
    public async Task A_change_of_routes_loses_no_request()
    {
        Task<ProcessResult> requests = lab.Curl("-f", "-H", "Host: web.test", "-o", "/dev/null", "-w", "%{http_code}\n", $"{Web}/?[1-2000]");
        for (int change = 0; !requests.IsCompleted; change++)
        {
            lab.Mesh.Manifests.Write("more.yaml", Extra(change));
            await MeshLab.Eventually(
                "the change", async () => requests.IsCompleted || (await lab.Curl("-H", $"Host: n{change}.test", $"{Web}/")).Output.Contains("pod=", StringComparison.Ordinal));
        }

        ProcessResult result = await requests;
        Assert.Equal(0, result.ExitCode);
        Assert.Equal(2000, Regex.Count(result.Output, "^200$", RegexOptions.Multiline, MeshLab.Patience));

        static string Extra(int change) => $$"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: more, namespace: default}
            spec:
              parentRefs: [{name: edge, namespace: infra}]
              hostnames: [n{{change.ToString(CultureInfo.InvariantCulture)}}.test]
              rules: [{backendRefs: [{name: first, port: 80}]}]

            """;
    }

    [Fact]
    public async Task A_client_that_waits_for_100_continue_gets_it()
    {
        ProcessResult result = await lab.Curl("-v", "-H", "Host: web.test", "-H", "Expect: 100-continue", "--expect100-timeout", "10", "-d", "some data", $"{Web}/echo");
        Assert.Contains("100 Continue", result.Error, StringComparison.Ordinal);
        Assert.Equal("some data", result.Output);
    }

    [Fact]
    public async Task A_plain_service_outside_the_mesh_is_reached_in_the_clear() =>
        Assert.Contains("pod=plain", (await lab.Curl("-H", "Host: plain.test", $"{Web}/")).Output, StringComparison.Ordinal);

    [Fact]
    public async Task Certificates_are_chosen_by_server_name_and_follow_their_secrets()
    {
        Assert.Contains("O=one", await Subject("a.test"), StringComparison.Ordinal);
        Assert.Contains("CN=b.test", await Subject("b.test"), StringComparison.Ordinal);
        Assert.Contains("CN=a.test", await Subject("a.test", "--tls-max", "1.2"), StringComparison.Ordinal);
        Assert.NotEqual(0, (await Https("c.test", "/")).ExitCode);
        Assert.EndsWith("|2|200", (await Https("a.test", "/", "-w", "|%{http_version}|%{http_code}")).Output, StringComparison.Ordinal);
        Assert.Contains("x-forwarded-proto: https", (await Https("a.test", "/")).Output, StringComparison.Ordinal);
        Assert.EndsWith("|421", (await Https("a.test", "/", "-H", "Host: b.test", "-w", "|%{http_code}")).Output, StringComparison.Ordinal);

        string mesh = await File.ReadAllTextAsync(Path.Combine(lab.Mesh.Manifests.Path, "mesh.yaml"), TestContext.Current.CancellationToken);
        lab.Mesh.Manifests.Write("mesh.yaml", Regex.Replace(mesh, "apiVersion: v1\nkind: Secret\nmetadata: {name: cert-b[\\s\\S]*$", GatewayLab.Secret("cert-b", "b.test", "two"), RegexOptions.None, MeshLab.Patience));
        await MeshLab.Eventually("the new certificate", async () => (await Subject("b.test")).Contains("O=two", StringComparison.Ordinal));
    }

    private async Task<string> Subject(string host, params string[] more) =>
        Regex.Match((await Https(host, "/", [.. more, "-v"])).Error, "subject: .*", RegexOptions.None, MeshLab.Patience).Value.Replace(" = ", "=", StringComparison.Ordinal);

    private Task<ProcessResult> Https(string host, string path, params string[] more) =>
        lab.Curl(["-k", "--resolve", $"{host}:443:{lab.Edge}", .. more, $"https://{host}{path}"]);
}
