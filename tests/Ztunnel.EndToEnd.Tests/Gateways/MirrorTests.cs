using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Http;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Copies of requests, and that nobody notices them.</summary>
[Collection(nameof(UpstreamLab))]
public sealed class MirrorTests(UpstreamLab lab)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(100_000)]
    public async Task A_mirror_gets_the_request_with_its_body_under_its_shadows_name_and_its_answer_is_not_seen(int bytes)
    {
        string name = $"copied{bytes}";
        var copies = new ConcurrentQueue<string>();
        lab.WhenAsked($"{name}.test", async (pod, http) =>
        {
            await http.Request.Body.CopyToAsync(Stream.Null, Stop);
            await http.Response.WriteAsync($"original {pod}", Stop);
        });
        lab.WhenAsked($"{name}.test-shadow", async (pod, http) =>
        {
            var body = new MemoryStream();
            await http.Request.Body.CopyToAsync(body, Stop);
            copies.Enqueue($"{pod} {http.Request.Method} {http.Request.Path}{http.Request.QueryString} {http.Request.Headers["x-mine"]} {body.Length}");
            http.Response.StatusCode = 500;
        });
        await lab.Serve(
            name,
            $"filters: [{Mirror($"{name}-a")}, {Mirror($"{name}-b")}, {Mirror($"{name}-a", ", percent: 0")}],",
            Yaml.Join(lab.Service($"{name}-a", "two"), lab.Service($"{name}-b", "out")),
            "one");
        using HttpClient client = lab.Client();
        using var request = new HttpRequestMessage(bytes == 0 ? HttpMethod.Get : HttpMethod.Post, $"http://{name}.test/some/path?q=1");
        request.Headers.Add("x-mine", "kept");
        if (bytes > 0)
            request.Content = new ByteArrayContent(new byte[bytes]);
        using HttpResponseMessage answer = await client.SendAsync(request, Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("original one", await answer.Content.ReadAsStringAsync(Stop));
        await MeshLab.Eventually("both copies", () => Task.FromResult(copies.Count >= 2));
        string method = bytes == 0 ? "GET" : "POST";
        Assert.Equal(
            $"out {method} /some/path?q=1 kept {bytes}\ntwo {method} /some/path?q=1 kept {bytes}", string.Join('\n', copies.Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task Of_many_requests_a_share_is_copied()
    {
        int copies = 0;
        lab.WhenAsked("share.test-shadow", (_, _) =>
        {
            Interlocked.Increment(ref copies);
            return Task.CompletedTask;
        });
        await lab.Serve("share", $"filters: [{Mirror("share-a", ", fraction: {numerator: 1, denominator: 2}")}],", lab.Service("share-a", "two"), "one");
        using HttpClient client = lab.Client();
        for (int i = 0; i < 200; i++)
            Assert.Equal("one", await client.GetStringAsync(new Uri("http://share.test/"), Stop));
        // Half of 200, give or take six standard deviations.
        await MeshLab.Eventually("the copies", () => Task.FromResult(Volatile.Read(ref copies) >= 57));
        Assert.InRange(copies, 57, 143);
    }

    [Fact]
    public async Task Slow_dead_and_missing_mirrors_change_nothing()
    {
        lab.WhenAsked("unhurt.test-shadow", (_, http) => Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default));
        lab.WhenAsked("unhurt.test", async (_, http) =>
        {
            await http.Request.Body.CopyToAsync(Stream.Null, Stop);
            await http.Response.WriteAsync("well", Stop);
        });
        await lab.Serve(
            "unhurt",
            $"filters: [{Mirror("unhurt-slow")}, {Mirror("unhurt-dead")}, {Mirror("unhurt-empty")}],",
            Yaml.Join(lab.Service("unhurt-slow", "two"), lab.Service("unhurt-dead", "out:9"), lab.Service("unhurt-empty")),
            "one");
        using HttpClient client = lab.Client();
        // More than the sockets and tunnel on the way to a mirror that reads nothing can hold.
        foreach (int bytes in new[] { 0, 1000, 20_000_000, 0 })
        {
            using HttpResponseMessage answer = await client.PostAsync(new Uri("http://unhurt.test/"), new ByteArrayContent(new byte[bytes]), Stop);
            Assert.Equal("well", await answer.Content.ReadAsStringAsync(Stop));
        }
    }

    private static string Mirror(string service, string more = "") =>
        $"{{type: RequestMirror, requestMirror: {{backendRef: {{name: {service}, port: 80}}{more}}}}}";
}
