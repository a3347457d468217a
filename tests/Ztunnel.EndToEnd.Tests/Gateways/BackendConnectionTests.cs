using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Connections to backends carry one request after another. What becomes of requests when backends see that otherwise.</summary>
[Collection(nameof(UpstreamLab))]
public sealed class BackendConnectionTests(UpstreamLab lab)
{
    private const string Answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    private static int _hosts;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    // In clear, and in a tunnel.
    [Theory]
    [InlineData("out")]
    [InlineData("one")]
    public async Task A_backend_of_http_1_0_which_ends_a_connection_with_its_answer_is_sent_one_request_on_each(string pod)
    {
        await using RecordingBackend backend = RecordingBackend.Start(
            lab.Mesh.Pod(pod), 0, _ => "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
        using HttpClient client = await Serve(pod, backend);
        for (int i = 0; i < 4; i++)
            Assert.Equal("200 ok", await (i % 2 == 0 ? Send(client, "GET") : Send(client, "POST", "text")));
        Assert.Equal([0, 1, 2, 3], backend.Requests.Select(request => request.Connection));
    }

    [Fact]
    public async Task A_backend_of_http_1_0_that_keeps_its_connection_is_sent_all_on_it()
    {
        await using RecordingBackend backend = RecordingBackend.Start(
            lab.Mesh.Pod("out"), 0, _ => "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 2\r\n\r\nok");
        using HttpClient client = await Serve("out", backend);
        for (int i = 0; i < 3; i++)
            Assert.Equal("200 ok", await Send(client, "GET"));
        Assert.Equal([0, 0, 0], backend.Requests.Select(request => request.Connection));
    }

    [Fact]
    public async Task A_backend_that_no_longer_answers_in_http_1_0_is_sent_more_than_one_request_on_each_again()
    {
        await using RecordingBackend backend = RecordingBackend.Start(
            lab.Mesh.Pod("out"), 0, request => request.Connection == 0 ? "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok" : Answer);
        using HttpClient client = await Serve("out", backend);
        for (int i = 0; i < 4; i++)
            Assert.Equal("200 ok", await Send(client, "GET"));
        Assert.Equal([0, 1, 2, 2], backend.Requests.Select(request => request.Connection));
    }

    [Fact]
    public async Task What_an_answer_of_http_1_0_says_of_its_connection_counts_also_where_the_answer_is_not_taken()
    {
        await using RecordingBackend backend = RecordingBackend.Start(
            lab.Mesh.Pod("out"), 0, request => request.Connection == 0 ? "HTTP/1.0 503 Not Now\r\nContent-Length: 0\r\n\r\n" : Answer);
        using HttpClient client = await Serve("out", backend);
        Assert.Equal("200 ok", await Send(client, "GET"));
        Assert.Equal([0, 1], backend.Requests.Select(request => request.Connection));
    }

    // Reset, and ended in order.
    [Theory]
    [InlineData("out", "GET", null, null)]
    [InlineData("one", "GET", null, null)]
    [InlineData("out", "PUT", "text", null)]
    [InlineData("out", "GET", null, "")]
    [InlineData("one", "GET", null, "")]
    [InlineData("out", "PUT", "text", "")]
    public async Task A_request_on_a_connection_that_its_backend_had_given_up_goes_over_another(string pod, string method, string? body, string? end)
    {
        await using RecordingBackend backend = RecordingBackend.Start(
            lab.Mesh.Pod(pod), 0, request => request is { Connection: 0, Turn: 1 } ? end : Answer);
        using HttpClient client = await Serve(pod, backend);
        for (int i = 0; i < 3; i++)
            Assert.Equal("200 ok", await Send(client, method, body));
        Assert.Equal([(0, 0), (0, 1), (1, 0), (1, 1)], backend.Requests.Select(request => (request.Connection, request.Turn)));
        Assert.All(backend.Requests, request => Assert.Equal(body ?? "", request.Body));
        Assert.Equal("1 1 2 1", string.Join(' ', backend.Requests.SelectMany(request => request.All("x-envoy-attempt-count"))));
    }

    // Above TLS, whose handshake is no request.
    [Theory]
    [InlineData("", null, 0, 1, "503")]
    [InlineData("", "", 0, 1, "503")]
    [InlineData("", null, 0, 1, "503", true)]
    [InlineData("", "", 0, 1, "503", true)]
    [InlineData("", null, 1, 2, "200", true)]
    [InlineData("", "", 1, 2, "200", true)]
    [InlineData("retry: {attempts: 0},", null, 1, 1, "503")]
    [InlineData("retry: {attempts: 0},", "", 1, 1, "503")]
    public async Task What_does_no_harm_twice_is_sent_as_often_as_its_route_says(string rule, string? end, int turn, int sent, string status, bool tls = false)
    {
        using X509Certificate2? certificate = tls ? Certificate() : null;
        await using RecordingBackend backend = RecordingBackend.Start(
            lab.Mesh.Pod("out"), 0, request => request.Turn == turn && request.Connection == 0 ? end : Answer, certificate);
        using HttpClient client = await Serve("out", backend, rule, tls);
        for (int i = 0; i < turn; i++)
            Assert.Equal("200 ok", await Send(client, "GET"));
        Assert.StartsWith(status, await Send(client, "DELETE"), StringComparison.Ordinal);
        Assert.Equal(sent, backend.Requests.Count(request => request.Line.StartsWith("DELETE", StringComparison.Ordinal)));
    }

    // RFC 9110 section 9.2.2: a proxy may not, as nobody knows whether it was done.
    [Theory]
    [InlineData(null, null, 1)]
    [InlineData(null, "text", 1)]
    [InlineData("", null, 1)]
    [InlineData("", "text", 1)]
    [InlineData(null, null, 0)]
    [InlineData("", null, 0)]
    public async Task What_may_do_something_twice_is_sent_once_when_its_connection_ends_without_an_answer(string? end, string? body, int turn)
    {
        await using RecordingBackend backend = RecordingBackend.Start(lab.Mesh.Pod("out"), 0, request => request.Turn == turn ? end : Answer);
        using HttpClient client = await Serve("out", backend);
        for (int i = 0; i < turn; i++)
            Assert.Equal("200 ok", await Send(client, "GET"));
        Assert.Equal(
            "503 upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            await Send(client, "NOTIFY", body));
        Assert.Single(backend.Requests, request => request.Line.StartsWith("NOTIFY", StringComparison.Ordinal));
    }

    /// <summary>A client of a host of its own, which leads to the backend of a pod.</summary>
    private async Task<HttpClient> Serve(string pod, RecordingBackend backend, string rule = "", bool tls = false)
    {
        string name = $"connection-{Interlocked.Increment(ref _hosts)}";
        await lab.Serve(name, rule, "", $"{pod}:{backend.Port}");
        if (tls)
            lab.Rule(name, new TrafficPolicy { Tls = new TlsOrigination { Mode = TlsOriginationMode.Simple, Sni = "api.test", InsecureSkipVerify = true } });
        HttpClient client = lab.Client();
        client.BaseAddress = new Uri($"http://{name}.test");
        return client;
    }

    private static X509Certificate2 Certificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return new CertificateRequest("CN=api.test", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(2));
    }

    private static async Task<string> Send(HttpClient client, string method, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/");
        request.Content = body is null ? null : new StringContent(body);
        using HttpResponseMessage answer = await client.SendAsync(request, Stop);
        return $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync(Stop)}";
    }
}
