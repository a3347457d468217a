using System.Net;

namespace Ztunnel.Diagnostics.Tests;

public sealed class ReadinessTests
{
    [Fact]
    public async Task The_probe_fails_before_start_holds_while_listening_and_fails_while_draining()
    {
        await using Node node = await Node.Start();

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: starting\n"), await Ask(node));
        node.Readiness.State = ReadinessState.Ready;
        Assert.Equal((HttpStatusCode.OK, "ready\n"), await Ask(node));
        node.Readiness.State = ReadinessState.Draining;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: draining\n"), await Ask(node));
    }

    [Fact]
    public async Task The_probe_answers_whatever_host_is_asked_for_and_has_no_other_page()
    {
        await using Node node = await Node.Start();
        node.Readiness.State = ReadinessState.Ready;
        using var request = new HttpRequestMessage(HttpMethod.Get, "/healthz/ready");
        request.Headers.Host = "10.1.2.3:15021";

        using HttpResponseMessage ready = await node.Probe.SendAsync(request, TestContext.Current.CancellationToken);
        using HttpResponseMessage dump = await node.Probe.GetAsync("/config_dump", TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, dump.StatusCode);
    }

    private static async Task<(HttpStatusCode Status, string Body)> Ask(Node node)
    {
        using HttpResponseMessage response = await node.Probe.GetAsync("/healthz/ready", TestContext.Current.CancellationToken);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
