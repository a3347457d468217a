using System.Net;

namespace Ztunnel.Diagnostics.Tests;

public sealed class ReadinessTests
{
    [Fact]
    public async Task The_probe_fails_before_start_holds_while_listening_and_fails_while_draining()
    {
        await using Node node = await Node.Start();

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: starting\n"), await Ask(node));
        node.Readiness.WaitsFor = "kubernetes/pods: cannot be read";
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: starting: kubernetes/pods: cannot be read\n"), await Ask(node));
        node.Readiness.State = ReadinessState.Ready;
        Assert.Equal((HttpStatusCode.OK, "ready\n"), await Ask(node));
        node.Readiness.State = ReadinessState.Draining;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: draining\n"), await Ask(node));
    }

    [Fact]
    public async Task The_probe_fails_with_what_is_wrong_also_once_it_listens()
    {
        await using Node node = await Node.Start();
        node.Readiness.Note("engine", "out of order");

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: out of order\n"), await Ask(node));
        node.Readiness.State = ReadinessState.Ready;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: out of order\n"), await Ask(node));
        node.Readiness.Note("wheels", "stuck");
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: out of order; stuck\n"), await Ask(node));
        node.Readiness.Note("engine", null);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: stuck\n"), await Ask(node));
        node.Readiness.State = ReadinessState.Draining;
        Assert.Equal((HttpStatusCode.ServiceUnavailable, "not ready: draining\n"), await Ask(node));
        node.Readiness.State = ReadinessState.Ready;
        node.Readiness.Note("wheels", null);
        Assert.Equal((HttpStatusCode.OK, "ready\n"), await Ask(node));
    }

    [Fact]
    public async Task The_probe_of_liveness_holds_while_the_work_comes_round_whatever_readiness_says()
    {
        var stuck = new TaskCompletionSource();
        await using Node node = await Node.Start(
            new NodeSnapshots { Node = "node-a", Mesh = new Mesh.MeshState() },
            Node.OnLoopback with { Turn = () => stuck.Task, TurnPatience = TimeSpan.FromMilliseconds(50) });
        node.Readiness.State = ReadinessState.Draining;

        Assert.Equal((HttpStatusCode.ServiceUnavailable, "stuck: the event loops do not turn\n"), await Ask(node, "/healthz/live"));
        stuck.SetResult();
        Assert.Equal((HttpStatusCode.OK, "live\n"), await Ask(node, "/healthz/live"));
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

    [Fact]
    public async Task An_address_that_cannot_be_listened_at_is_named()
    {
        // For documentation only (RFC 5737), so no machine has it.
        var absent = new IPEndPoint(IPAddress.Parse("192.0.2.1"), 15021);

        IOException refused = await Assert.ThrowsAsync<IOException>(
            () => Node.Start(new NodeSnapshots { Node = "node-a", Mesh = new Mesh.MeshState() }, Node.OnLoopback with { Readiness = [absent] }));

        Assert.StartsWith("192.0.2.1:15021: ", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<(HttpStatusCode Status, string Body)> Ask(Node node, string path = "/healthz/ready")
    {
        using HttpResponseMessage response = await node.Probe.GetAsync(path, TestContext.Current.CancellationToken);
        return (response.StatusCode, await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }
}
