using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Http;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What becomes of a request whose first try fails.</summary>
[Collection(nameof(UpstreamLab))]
public sealed class RetryTests(UpstreamLab lab)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_503_is_tried_again_at_another_endpoint_with_the_whole_body_and_the_client_sees_the_success()
    {
        var seen = new ConcurrentQueue<(string Pod, string Attempt, string Body)>();
        lab.WhenAsked("again.test", async (pod, http) =>
        {
            string body = await new StreamReader(http.Request.Body).ReadToEndAsync(Stop);
            seen.Enqueue((pod, http.Request.Headers["x-envoy-attempt-count"].ToString(), body));
            http.Response.StatusCode = seen.Count == 1 ? 503 : 200;
            http.Response.Headers["x-first"] = seen.Count == 1 ? "yes" : "no";
            await http.Response.WriteAsync(pod, Stop);
        });
        await lab.Serve("again", "", "", "one", "two");
        using HttpClient client = lab.Client();
        string text = new('x', 20_000);
        using HttpResponseMessage answer = await client.PostAsync(new Uri("http://again.test/"), new StringContent(text), Stop);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("no", Assert.Single(answer.Headers.GetValues("x-first")));
        Assert.Equal("1 2", string.Join(' ', seen.Select(request => request.Attempt)));
        Assert.All(seen, request => Assert.Equal(text, request.Body));
        Assert.Equal(2, seen.Select(request => request.Pod).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public async Task A_body_too_long_to_keep_is_sent_once()
    {
        int count = 0;
        lab.WhenAsked("long.test", async (_, http) =>
        {
            Interlocked.Increment(ref count);
            await http.Request.Body.CopyToAsync(Stream.Null, Stop);
            http.Response.StatusCode = 503;
        });
        await lab.Serve("long", "", "", "one");
        using HttpClient client = lab.Client();
        using HttpResponseMessage answer = await client.PostAsync(new Uri("http://long.test/"), new ByteArrayContent(new byte[1_000_000]), Stop);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.Equal(1, count);
    }

    [Theory]
    [InlineData("default503", "", 503, 3)]
    [InlineData("default500", "", 500, 1)]
    [InlineData("said500", "retry: {codes: [500], attempts: 4, backoff: 1ms},", 500, 5)]
    [InlineData("said503", "retry: {codes: [500]},", 503, 1)]
    [InlineData("never", "retry: {codes: [503], attempts: 0},", 503, 1)]
    public async Task A_rule_says_what_is_tried_again_and_how_often(string name, string rule, int status, int tries)
    {
        int count = 0;
        lab.WhenAsked($"{name}.test", (_, http) =>
        {
            Interlocked.Increment(ref count);
            http.Response.StatusCode = status;
            return Task.CompletedTask;
        });
        await lab.Serve(name, rule, "", "one");
        using HttpClient client = lab.Client();
        using HttpResponseMessage answer = await client.GetAsync(new Uri($"http://{name}.test/"), Stop);
        Assert.Equal(status, (int)answer.StatusCode);
        Assert.Equal(tries, count);
    }

    [Fact]
    public async Task A_try_that_takes_too_long_gives_way_to_the_next()
    {
        int count = 0;
        lab.WhenAsked("slow.test", async (pod, http) =>
        {
            if (Interlocked.Increment(ref count) == 1)
                await Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
            else
                await http.Response.WriteAsync("at last", Stop);
        });
        await lab.Serve("slow", "timeouts: {request: 30s, backendRequest: 2s}, retry: {attempts: 3},", "", "one");
        using HttpClient client = lab.Client();
        Assert.Equal("at last", await client.GetStringAsync(new Uri("http://slow.test/"), Stop));
    }

    [Fact]
    public async Task Tries_end_with_the_requests_time()
    {
        lab.WhenAsked("ending.test", (_, http) => Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default));
        await lab.Serve("ending", "timeouts: {request: 1s, backendRequest: 400ms}, retry: {attempts: 100, backoff: 1ms},", "", "one");
        using HttpClient client = lab.Client();
        using HttpResponseMessage answer = await client.GetAsync(new Uri("http://ending.test/"), Stop);
        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        Assert.Equal("upstream request timeout", await answer.Content.ReadAsStringAsync(Stop));
    }

    [Fact]
    public async Task An_answer_that_has_begun_is_the_answer()
    {
        int count = 0;
        var arrived = new TaskCompletionSource();
        lab.WhenAsked("begun.test", async (_, http) =>
        {
            Interlocked.Increment(ref count);
            await http.Response.WriteAsync("beginning", Stop);
            await http.Response.Body.FlushAsync(Stop);
            await arrived.Task;
            http.Abort();
        });
        await lab.Serve("begun", "retry: {codes: [500], attempts: 3},", "", "one");
        using HttpClient client = lab.Client();
        using HttpResponseMessage answer = await client.GetAsync(new Uri("http://begun.test/"), HttpCompletionOption.ResponseHeadersRead, Stop);
        arrived.SetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal(1, count);
    }
}
