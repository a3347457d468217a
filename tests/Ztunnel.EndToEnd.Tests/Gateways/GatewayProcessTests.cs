using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>The program itself: <c>ztunnel gateway</c> from its command line to its exit code.</summary>
public sealed class GatewayProcessTests
{
    private const string Documents = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: edge, namespace: infra}
        spec:
          gatewayClassName: istio
          listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: web, namespace: outside}
        spec:
          parentRefs: [{name: edge, namespace: infra}]
          rules: [{backendRefs: [{name: web, port: 8080}]}]

        """;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SIGTERM_finishes_what_is_under_way_tells_clients_to_go_and_ends_with_success()
    {
        await using ProcessLab lab = await Lab();
        using var backend = PodListener.Start(lab.Network.Pod("backend"), 8080);
        await using LabProcess gateway = await Start(lab, "--drain-seconds", "60");
        IPAddress at = lab.Network.Pod("gateway").IPv4;
        LabPod client = lab.Network.Pod("stranger");

        // A request over HTTP/1.1 and one over HTTP/2 whose answers are not there yet, and a connection at rest.
        using Socket waiting = await PodSocket.Connect(client, at, 80);
        await waiting.SendText("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
        using Socket first = await backend.Accept();
        await using var over2 = new HttpFrames(new NetworkStream(await PodSocket.Connect(client, at, 80), ownsSocket: true));
        await over2.Begin();
        await over2.Write(HttpFrames.Headers, HttpFrames.EndHeaders | HttpFrames.EndStream, 1, HttpFrames.Block(
            (":method", "GET"), (":scheme", "http"), (":path", "/two"), (":authority", "a")));
        using Socket secondAtBackend = await backend.Accept();
        using Socket idle = await PodSocket.Connect(client, at, 80);
        await idle.SendText("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n");
        using (Socket answered = await backend.Accept())
        {
            await Answer(answered, "idle");
            Assert.DoesNotContain("connection: close", await Receive(idle, "idle"), StringComparison.OrdinalIgnoreCase);
        }

        await gateway.Signal("TERM");
        await MeshLab.Eventually("new connections to be refused", async () =>
            (await client.Exec("curl", "-sS", "--max-time", "5", $"http://{at}/")).ExitCode == 7);
        Assert.Equal("", await idle.ReceiveToEnd());
        Assert.Equal("503", (await lab.Network.Pod("gateway").Exec("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:15021/healthz/ready")).Output);
        Assert.False(gateway.HasExited);

        await Answer(first, "first");
        string answer = await Receive(waiting, "first");
        Assert.Contains("\r\nconnection: close\r\n", answer, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("", await waiting.ReceiveToEnd());
        await over2.ReadUntil(HttpFrames.GoAway, 0);
        await Answer(secondAtBackend, "second");
        Assert.Equal(200, HttpFrames.Status(await over2.ReadUntil(HttpFrames.Headers, 1)));
        Assert.Equal("second"u8.ToArray(), await over2.ReadUntil(HttpFrames.Data, 1));
        // As every client does that has been told so and waits for nothing more.
        await over2.DisposeAsync();

        ProcessResult result = await gateway.WaitForExit(Stop).WaitAsync(MeshLab.Patience, Stop);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
    }

    [Fact]
    public async Task A_request_that_outlives_the_drain_is_broken_off_and_the_process_ends_with_success()
    {
        await using ProcessLab lab = await Lab();
        using var backend = PodListener.Start(lab.Network.Pod("backend"), 8080);
        await using LabProcess gateway = await Start(lab, "--drain-seconds", "1");
        using Socket waiting = await PodSocket.Connect(lab.Network.Pod("stranger"), lab.Network.Pod("gateway").IPv4, 80);
        await waiting.SendText("GET /one HTTP/1.1\r\nHost: a\r\n\r\n");
        using Socket never = await backend.Accept();

        await gateway.Signal("TERM");

        ProcessResult result = await gateway.WaitForExit(Stop).WaitAsync(MeshLab.Patience, Stop);
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        string said = result.Output + result.Error;
        Assert.Contains("stopping: waiting up to 1 s for 1 requests", said, StringComparison.Ordinal);
        Assert.Contains("stopped; 1 requests were broken off", said, StringComparison.Ordinal);
        Assert.Contains("response_code=0 response_flags=\"-\" response_code_details=\"drain_time_over\"", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gateway_that_loses_its_ports_says_so_and_why()
    {
        await using ProcessLab lab = await Lab();
        await using LabProcess gateway = await Start(lab);

        lab.Write("mesh.yaml", Manifests(lab.Network, ""));

        await gateway.WaitForOutput("no longer listening on port 80", MeshLab.Patience, Stop);
        await gateway.WaitForOutput("pod infra/gateway serves no listener of any Gateway: Gateway infra/edge does not exist", MeshLab.Patience, Stop);
    }

    [Fact]
    public async Task A_listener_that_cannot_be_served_is_named_with_the_reason()
    {
        await using ProcessLab lab = await Lab();
        await using LabProcess gateway = await Start(lab);

        lab.Write("mesh.yaml", Manifests(lab.Network, Documents.Replace(
            "listeners: [", "listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: lost}]}}, ", StringComparison.Ordinal)));

        await gateway.WaitForOutput("listener https of Gateway infra/edge: ResolvedRefs=False/InvalidCertificateRef: ", MeshLab.Patience, Stop);
    }

    [Fact]
    public async Task It_says_that_it_is_ready_and_what_it_serves()
    {
        await using ProcessLab lab = await Lab();
        await using LabProcess gateway = await Start(lab);
        LabPod pod = lab.Network.Pod("gateway");

        Assert.Equal("200", (await pod.Exec("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:15021/healthz/ready")).Output);
        string dump = (await pod.Exec("curl", "-s", "http://127.0.0.1:15000/config_dump")).Output;
        Assert.Contains("\"name\": \"infra/edge\"", dump, StringComparison.Ordinal);
        Assert.Contains("\"gateways\"", dump, StringComparison.Ordinal);
        // Who is no process of the pod does not see it.
        Assert.NotEqual(0, (await lab.Network.Pod("stranger").Exec("curl", "-s", "--max-time", "5", $"http://{pod.IPv4}:15000/config_dump")).ExitCode);
    }

    [Theory]
    [InlineData("--max-connections", "x")]
    [InlineData("--max-streams", "0")]
    [InlineData("--max-header-bytes", "5")]
    [InlineData("--max-headers", "-1")]
    [InlineData("--max-request-line-bytes", "1.5")]
    [InlineData("--handshake-timeout", "0")]
    [InlineData("--header-timeout", "soon")]
    [InlineData("--idle-timeout", "NaN")]
    [InlineData("--stream-idle-timeout", "99999999")]
    [InlineData("--min-body-rate", "-5")]
    [InlineData("--drain-seconds", "later")]
    [InlineData("--workers", "0")]
    [InlineData("--access-log", "xml")]
    [InlineData("--log-level", "loud")]
    public void A_value_that_makes_no_sense_is_a_mistake_that_names_its_flag(string flag, string value)
    {
        using var error = new StringWriter();
        using var output = new StringWriter();
        int exit = GatewayCommand.Create()
            .Parse(["--name", "edge", "--namespace", "infra", "--manifests", ".", flag, value])
            .Invoke(new InvocationConfiguration { Output = output, Error = error });

        Assert.Equal(1, exit);
        Assert.Contains(value, error.ToString(), StringComparison.Ordinal);
        if (flag != "--access-log")
            Assert.Contains(flag, error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_run_is_said_clearly_with_a_failing_exit_code()
    {
        await using ProcessLab lab = await Lab();

        await Fails("--name", "--namespace", "infra", "--manifests", lab.Manifests);
        await Fails("/no/such/directory", "--name", "edge", "--namespace", "infra", "--manifests", "/no/such/directory");
        await Fails("/no/such/netns", "--name", "edge", "--namespace", "infra", "--manifests", lab.Manifests, "--netns", "/no/such/netns");
        await Fails("ca-cert.pem", "--name", "edge", "--namespace", "infra", "--manifests", lab.Manifests, "--ca-directory", lab.Manifests);

        async Task Fails(string saying, params string[] arguments)
        {
            ProcessResult result = await lab.Network.Pod("gateway").Exec(new LabCommand(AgentProcess.Program, ["gateway", .. arguments]));
            string said = result.Output + result.Error;
            Assert.True(result.ExitCode != 0, $"exit code 0 for {string.Join(' ', arguments)}: {said}");
            Assert.Contains(saying, said, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
        }
    }

    private static async Task<ProcessLab> Lab()
    {
        ProcessLab lab = await ProcessLab.WithoutAgents(describe => describe.Node("a").Pod("gateway", "infra").Pod("backend", "outside").Pod("stranger", "outside"));
        lab.Write("mesh.yaml", Manifests(lab.Network, Documents));
        return lab;
    }

    private static string Manifests(LabNetwork network, string more) => Yaml.Join(
    [
        Yaml.Namespace("infra", ambient: false),
        Yaml.Namespace("outside", ambient: false),
        .. network.Pods.Select(pod => Yaml.Pod(
            pod, pod.Name == "gateway" ? "{gateway.networking.k8s.io/gateway-name: edge}" : null)),
        Yaml.Service("web", "outside", "{app: backend}", 8080, "8080", "10.96.0.5"),
        more,
    ]);

    private static async Task<LabProcess> Start(ProcessLab lab, params string[] more)
    {
        LabProcess process = await lab.Network.Node("a").Start(new LabCommand(
            AgentProcess.Program,
            [
                "gateway", "--name", "edge", "--namespace", "infra", "--manifests", lab.Manifests, "--workers", "1",
                "--netns", lab.Network.Pod("gateway").NetworkNamespace.Path, .. more,
            ]));
        try
        {
            await process.WaitForOutput("listening on port 80", MeshLab.Patience, Stop);
            await process.WaitForOutput("serves as pod", MeshLab.Patience, Stop);
            return process;
        }
        catch
        {
            await process.DisposeAsync();
            throw;
        }
    }

    private static async Task Answer(Socket backend, string body)
    {
        await Receive(backend, "\r\n\r\n");
        await backend.SendText($"HTTP/1.1 200 OK\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }

    /// <summary>What comes until it ends in <paramref name="end"/>.</summary>
    private static async Task<string> Receive(Socket socket, string end)
    {
        var text = new StringBuilder();
        while (!text.ToString().EndsWith(end, StringComparison.Ordinal))
        {
            string next = await socket.ReceiveText("x");
            Assert.True(next.Length > 0, $"it ended after {text}");
            text.Append(next);
        }

        return text.ToString();
    }
}
