using System.Globalization;
using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Requests that are sent again, and copies of them: the conformance suite's tests of those names (GATEWAY-HTTP, extended).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class RetryAndMirrorTests(ConformanceLab lab)
{
    private const string Shared = "same-namespace";

    [Theory]
    [InlineData("[500], attempts: 3", "500", 3, 200)]
    [InlineData("[500], attempts: 3", "500", 4, 500)]
    [InlineData("[500], attempts: 3", "503", 1, 503)]
    [InlineData("[500, 502, 503, 504], attempts: 2", "500", 2, 200)]
    [InlineData("[500, 502, 503, 504], attempts: 2", "500", 3, 500)]
    [InlineData("[500, 502, 503, 504], attempts: 2", "502", 2, 200)]
    [InlineData("[500, 502, 503, 504], attempts: 2", "502", 3, 502)]
    [InlineData("[500, 502, 503, 504], attempts: 2", "503", 2, 200)]
    [InlineData("[500, 502, 503, 504], attempts: 2", "503", 3, 503)]
    [InlineData("[500, 502, 503, 504], attempts: 2", "504", 2, 200)]
    [InlineData("[500, 502, 503, 504], attempts: 2", "504", 3, 504)]
    public Task HTTPRouteRetry(string retry, string how, int fails, int expected) => Retry($"retry: {{codes: {retry}}}", how, fails, expected);

    [Theory]
    [InlineData(3, 200)]
    [InlineData(4, 503)]
    public Task HTTPRouteRetryConnectionError(int fails, int expected) => Retry("retry: {attempts: 3}", "reset", fails, expected);

    [Theory]
    [InlineData("timeouts: {backendRequest: 1s}, retry: {attempts: 2}", 2, 200)]
    [InlineData("timeouts: {backendRequest: 500ms}, retry: {attempts: 1}", 2, 504)]
    [InlineData("timeouts: {request: 1s, backendRequest: 600ms}, retry: {attempts: 5}", 5, 504)]
    public Task HTTPRouteRetryWithTimeouts(string rule, int fails, int expected) => Retry(rule, "silence", fails, expected);

    [Theory]
    [InlineData("v2")]
    [InlineData("v2", "v3")]
    public async Task HTTPRouteRequestMirror(params string[] mirrors)
    {
        string copies = string.Join(", ", mirrors.Select(mirror => Mirror(mirror)));
        const string Change = "{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Header-Set, value: set}], remove: [X-Header-Remove]}}, ";
        lab.Apply(Route($"mirror-{mirrors.Length}", Shared, Prefix("/mirror", copies) + Prefix("/mirror-and-modify-headers", Change + copies)));
        await lab.Accepted("HTTPRoute", $"mirror-{mirrors.Length}");
        foreach (string path in new[] { "/mirror", "/mirror-and-modify-headers" })
        {
            // Each request by itself: the first may still go by the objects before.
            await MeshLab.Eventually($"what goes to {path} to be copied for {string.Join(" and ", mirrors)}", async () =>
            {
                string target = $"{path}?id={Guid.NewGuid()}&kept=%20as";
                Exchange exchange = await lab.Ask(Shared, target);
                Assert.Equal((200, "v1", target), (exchange.Status, exchange.Pod, exchange.Target));
                await Task.WhenAny(Task.WhenAll(mirrors.Select(mirror => Copied(mirror, target))), Task.Delay(TimeSpan.FromSeconds(2)));
                return mirrors.All(mirror => Backend.Asked(mirror, target) == 1);
            });
        }
    }

    [Theory]
    [InlineData("percent: 20", 0.2)]
    [InlineData("fraction: {numerator: 25, denominator: 50}", 0.5)]
    public async Task HTTPRouteRequestPercentageMirror(string share, double expected)
    {
        // A mark of its own: the route of another share would do for a while, and copy as many as that says.
        string mark = Guid.NewGuid().ToString();
        lab.Apply(Route("share", Shared, $"{{{Mark(mark).Replace("filters: [", $"filters: [{Mirror("v2", share)}, ", StringComparison.Ordinal)}, backendRefs: [{To("v1")}]}}"));
        await lab.Accepted("HTTPRoute", "share");
        await lab.Expect(Shared, $"GET / -> v1; has x-mark: {mark}");
        string target = $"/?id={Guid.NewGuid()}";
        Dictionary<string, int> primary = await Weights.Sample(200, _ => lab.Ask(Shared, target));
        Assert.Equal(200, primary["v1"]);
        int copies = 0;
        await MeshLab.Eventually(
            () => $"a share of {expected.ToString(CultureInfo.InvariantCulture)} of 200 to be copied; it is {copies.ToString(CultureInfo.InvariantCulture)}",
            () => Task.FromResult(Math.Abs((copies = Backend.Asked("v2", target)) - (200 * expected)) < 6 * Math.Sqrt(200 * expected * (1 - expected))));
    }

    private static Task Copied(string mirror, string target) =>
        MeshLab.Eventually($"{target} to be copied for {mirror}", () => Task.FromResult(Backend.Asked(mirror, target) > 0));

    private async Task Retry(string rule, string how, int fails, int expected)
    {
        string mark = Guid.NewGuid().ToString();
        lab.Apply(Route("retries", Shared, $"{{{Mark(mark)}, {rule}, backendRefs: [{To("v3")}]}}"));
        await lab.Accepted("HTTPRoute", "retries");
        await lab.Expect(Shared, $"GET / -> v3; has x-mark: {mark}");
        Exchange exchange = await lab.Ask(Shared, $"/flaky?id={mark}&how={how}&fails={fails.ToString(CultureInfo.InvariantCulture)}");
        Assert.Equal(expected, exchange.Status);
    }

    private static string Mirror(string backend, string share = "") =>
        $"{{type: RequestMirror, requestMirror: {{backendRef: {{name: {backend}, port: 80}}{(share.Length == 0 ? "" : $", {share}")}}}}}";
}
