using System.Globalization;
using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Spectre.Console;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel;

/// <summary>Shows what the mesh does, one step after another, and ends with a table of what passed.</summary>
internal sealed class DemoTour(DemoMesh mesh, IAnsiConsole console)
{
    private const string Host = "httpbin.aliyun.com";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    private readonly LabPod _client = mesh.Network.Pod("curl");
    private readonly LabPod _server = mesh.Network.Pod("httpbin");
    private readonly LabPod _stranger = mesh.Network.Pod("legacy-client");

    /// <summary>Whether every step showed what it was to show.</summary>
    public async Task<bool> Run(CancellationToken stop)
    {
        DemoStep[] steps =
        [
            new("The pod's connections are captured", "rules are in the pod's own namespace; the pod runs no proxy and was not restarted", ShowRules),
            new($"curl by pod address: http://{_server.IPv4}:8080/ip", "captured, tunnelled to the other node, and the server sees the client's own address", CurlByAddress),
            new($"curl by service: http://{mesh.Service.ClusterIps[0]}:8000/headers", "a ClusterIP and a named target port resolve to a ready endpoint", CurlByService),
            new($"curl over IPv6: http://[{_server.IPv6}]:8080/ip", "the same holds for IPv6", CurlOverIPv6),
            new("The access log of both nodes", "both ends know who spoke to whom, by certificate", ShowAccessLog),
            new("A packet capture between the nodes", "on the wire there is TLS to port 15008 and nothing else", CaptureWire),
            new($"From outside, through the ingress gateway: Host: {Host}", "a gateway at the edge routes by host, and goes on in a tunnel under an identity of its own", CurlThroughIngress),
            new($"Through the waypoint: http://{mesh.GuardedService.ClusterIps[0]}:8000/status/418", "policy on requests: one path is refused, another let through, to a client known by its certificate", CurlThroughWaypoint),
            new("A pod outside the mesh calls in", "plaintext still works, and the log says that nobody proved an identity", CurlFromStranger),
            new("Nobody listens: curl to a closed port", "the failure is the client's own, and prompt", CurlToClosedPort),
            new("nft flush ruleset in the pod", "rules that somebody removes come back by themselves", FlushRules),
        ];
        var table = new Table().AddColumns("", "Step", "Proves");
        bool passed = true;
        for (int i = 0; i < steps.Length; i++)
        {
            stop.ThrowIfCancellationRequested();
            bool shown = await Show(i + 1, steps[i], stop);
            passed &= shown;
            table.AddRow(new Markup(shown ? "[green]passed[/]" : "[red]FAILED[/]"), new Text(steps[i].Title), new Text(steps[i].Proves));
        }

        console.WriteLine();
        console.Write(table);
        return passed;
    }

    private async Task<bool> Show(int number, DemoStep step, CancellationToken stop)
    {
        console.WriteLine();
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"[bold blue]{number}. {step.Title}[/]");
        console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"   [grey]shows: {step.Proves}[/]");
        try
        {
            foreach (string line in await step.Run(stop))
                console.Profile.Out.Writer.WriteLine($"   {line}");
            console.MarkupLine("   [green]passed[/]");
            return true;
        }
        catch (Exception e) when (e is DemoFailure or LabException)
        {
            console.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"   [red]failed:[/] {e.Message}");
            return false;
        }
    }

    private async Task<IReadOnlyList<string>> ShowRules(CancellationToken stop)
    {
        await Curl(_client, $"http://{_server.IPv4}:8080/ip");
        string rules = await Output(_client, "nft", "list", "table", "inet", "ztunnel");
        Expect(rules.Contains("redirect to :15001", StringComparison.Ordinal), "no rule redirects to port 15001");
        return [.. rules.Split('\n').Where(line => line.Contains("redirect", StringComparison.Ordinal)).Select(line => line.Trim())];
    }

    private async Task<IReadOnlyList<string>> CurlByAddress(CancellationToken stop) =>
        ExpectOrigin(await Curl(_client, $"http://{_server.IPv4}:8080/ip"), _client.IPv4);

    private async Task<IReadOnlyList<string>> CurlOverIPv6(CancellationToken stop) =>
        ExpectOrigin(await Curl(_client, $"http://[{_server.IPv6}]:8080/ip"), _client.IPv6);

    private async Task<IReadOnlyList<string>> CurlByService(CancellationToken stop)
    {
        string body = await Curl(_client, $"http://{mesh.Service.ClusterIps[0]}:8000/headers");
        Expect(body.Contains("User-Agent", StringComparison.Ordinal), $"not an answer of httpbin: {body}");
        return [.. body.TrimEnd().Split('\n')];
    }

    private async Task<IReadOnlyList<string>> ShowAccessLog(CancellationToken stop)
    {
        string[] both = ["src.identity=\"spiffe://cluster.local/ns/default/sa/curl\"", "dst.identity=\"spiffe://cluster.local/ns/default/sa/httpbin\""];
        string outbound = await LogLine(["direction=\"outbound\"", "dst.service=", .. both], stop);
        // What one end sent the other received: the line of the same connection and not of another.
        Match bytes = Regex.Match(outbound, @"bytes_sent=(?<sent>\d+) bytes_recv=(?<received>\d+)", RegexOptions.ExplicitCapture, Patience);
        string inbound = await LogLine(["direction=\"inbound\"", $"bytes_sent={bytes.Groups["received"]} bytes_recv={bytes.Groups["sent"]} ", .. both], stop);
        return [$"{_client.Plan.Node}: {outbound}", $"{_server.Plan.Node}: {inbound}"];
    }

    private async Task<IReadOnlyList<string>> CaptureWire(CancellationToken stop)
    {
        const string Marker = "a-secret-word-in-the-request";
        await using PacketCapture capture = await mesh.Network.Capture(_client.Plan.Node);
        string body = await Curl(_client, $"http://{_server.IPv4}:8080/anything/{Marker}");
        Expect(body.Contains(Marker, StringComparison.Ordinal), "httpbin did not echo the request");
        LinkTraffic traffic = await capture.Stop();
        Expect(traffic.TcpBytes > 0, "nothing was seen on the wire");
        Expect(traffic.WhyNotOnlyTls(15008, Marker) is not { } why, $"not only TLS: {traffic.WhyNotOnlyTls(15008, Marker)}");
        return [$"{traffic.TcpPackets} TCP packets with {traffic.TcpBytes} payload bytes: all of it TLS records to or from port 15008, \"{Marker}\" nowhere"];
    }

    private async Task<IReadOnlyList<string>> CurlThroughIngress(CancellationToken stop)
    {
        const string Marker = "a-secret-word-from-outside";
        LabPod gateway = mesh.Network.Pod("ingress");
        await using PacketCapture capture = await mesh.Network.Capture(gateway.Plan.Node);
        string answer = await Output(_stranger, "curl", "-sSi", "--max-time", "10", "-H", $"Host: {Host}", $"http://{gateway.IPv4}/anything/{Marker}");
        Expect(answer.StartsWith("HTTP/1.1 200", StringComparison.Ordinal) && answer.Contains(Marker, StringComparison.Ordinal), $"not an answer of httpbin: {answer}");
        LinkTraffic traffic = await capture.Stop();
        Expect(traffic.TcpBytes > 0, "nothing was seen on the wire");
        Expect(traffic.WhyNotOnlyTls(15008, Marker) is not { } why, $"not only TLS: {traffic.WhyNotOnlyTls(15008, Marker)}");
        string other = await Output(_stranger, "curl", "-sSi", "--max-time", "10", "-H", "Host: elsewhere.aliyun.com", $"http://{gateway.IPv4}/");
        Expect(other.StartsWith("HTTP/1.1 404", StringComparison.Ordinal), $"a host without a route was answered with {other}");
        string line = await LogLine(["request complete", $"authority=\"{Host}\"", $"upstream_host={_server.IPv4}:8080"], stop);
        return
        [
            .. Heads(answer, "HTTP/", "server:", "x-envoy"),
            $"between the nodes: {traffic.TcpBytes} payload bytes, all of it TLS to or from port 15008",
            $"another host: {other.Split('\r')[0]}",
            line,
        ];
    }

    private async Task<IReadOnlyList<string>> CurlThroughWaypoint(CancellationToken stop)
    {
        string service = $"http://{mesh.GuardedService.ClusterIps[0]}:8000";
        string refused = await Output(_client, "curl", "-sSi", "--max-time", "10", $"{service}/status/418");
        Expect(refused.StartsWith("HTTP/1.1 403", StringComparison.Ordinal) && refused.EndsWith("RBAC: access denied", StringComparison.Ordinal), $"it was not refused: {refused}");
        string passed = await Output(_client, "curl", "-sSi", "--max-time", "10", $"{service}/status/202");
        Expect(passed.StartsWith("HTTP/1.1 202", StringComparison.Ordinal), $"it was not let through: {passed}");
        string line = await LogLine(["request complete", "response_code=403", "src.identity=\"spiffe://cluster.local/ns/default/sa/curl\""], stop);
        ProcessResult past = await _client.Exec("curl", "-sS", "--max-time", "10", $"http://{mesh.Network.Pod("guarded").IPv4}:8080/status/418");
        Expect(past.ExitCode is 52 or 56, $"the pod was reached past its waypoint: {past.Output}{past.Error}");
        return ["/status/418:", .. Heads(refused, "HTTP/", "RBAC"), "/status/202:", .. Heads(passed, "HTTP/"), line, $"the pod itself, past the waypoint: {past.Error.Trim()}"];
    }

    /// <summary>The lines that begin with one of <paramref name="starts"/>.</summary>
    private static IEnumerable<string> Heads(string answer, params string[] starts) => answer.Split('\n')
        .Where(line => starts.Any(start => line.StartsWith(start, StringComparison.OrdinalIgnoreCase)))
        .Select(line => line.TrimEnd());

    private async Task<IReadOnlyList<string>> CurlFromStranger(CancellationToken stop)
    {
        IReadOnlyList<string> seen = ExpectOrigin(await Curl(_stranger, $"http://{_server.IPv4}:8080/ip"), _stranger.IPv4);
        string line = await LogLine(["direction=\"inbound\"", $"src.addr={_stranger.IPv4}"], stop);
        Expect(!line.Contains("src.identity", StringComparison.Ordinal), $"an identity is logged: {line}");
        return [.. seen, line];
    }

    private async Task<IReadOnlyList<string>> CurlToClosedPort(CancellationToken stop)
    {
        long started = TimeProvider.System.GetTimestamp();
        ProcessResult result = await _client.Exec("curl", "-sS", "--max-time", "10", $"http://{_server.IPv4}:9/");
        TimeSpan took = TimeProvider.System.GetElapsedTime(started);
        Expect(result.ExitCode is 7 or 52 or 56, $"curl ended with {result.ExitCode}: {result.Error}");
        Expect(took < TimeSpan.FromSeconds(3), $"it took {took.TotalSeconds:0.0} s");
        return [result.Error.Trim(), $"after {took.TotalMilliseconds:0} ms; {await LogLine(["direction=\"outbound\"", $"{_server.IPv4}:9", "error="], stop)}"];
    }

    private async Task<IReadOnlyList<string>> FlushRules(CancellationToken stop)
    {
        int tunnelled = Tunnelled();
        await Output(_client, "nft", "flush", "ruleset");
        long started = TimeProvider.System.GetTimestamp();
        await Until(
            async () => (await _client.Exec("nft", "list", "table", "inet", "ztunnel")).ExitCode == 0,
            "the rules did not come back",
            stop);
        TimeSpan took = TimeProvider.System.GetElapsedTime(started);
        await Curl(_client, $"http://{_server.IPv4}:8080/ip");
        await Until(() => Task.FromResult(Tunnelled() > tunnelled), "the request after that was not tunnelled", stop);
        return [$"back after {took.TotalMilliseconds:0} ms"];
    }

    private int Tunnelled() => mesh.Log.All.Count(line =>
        line.Contains("direction=\"outbound\"", StringComparison.Ordinal) && line.Contains("dst.identity=", StringComparison.Ordinal));

    private static IReadOnlyList<string> ExpectOrigin(string body, IPAddress address)
    {
        try
        {
            using JsonDocument answer = JsonDocument.Parse(body);
            string? origin = answer.RootElement.GetProperty("origin").GetString();
            // A server that listens on :: shows its IPv4 clients in the mapped form.
            bool same = IPAddress.TryParse(origin, out IPAddress? seen) && (seen.IsIPv4MappedToIPv6 ? seen.MapToIPv4() : seen).Equals(address);
            Expect(same, $"the server saw {origin} and not the client, {address}");
            return [$"the server saw its client as {origin}"];
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException)
        {
            throw new DemoFailure($"not an answer of httpbin: {body}");
        }
    }

    private static void Expect(bool met, string otherwise)
    {
        if (!met)
            throw new DemoFailure(otherwise);
    }

    private static Task<string> Curl(LabPod from, string url) => Output(from, "curl", "-sS", "--fail", "--max-time", "10", url);

    private static async Task<string> Output(LabPod pod, string program, params string[] arguments)
    {
        ProcessResult result = await pod.Exec(program, [.. arguments]);
        Expect(result.ExitCode == 0, $"{program} in {pod} ended with {result.ExitCode}: {result.Error.Trim()}");
        return result.Output;
    }

    private async Task<string> LogLine(string[] parts, CancellationToken stop)
    {
        string? found = null;
        await Until(
            () => Task.FromResult((found = mesh.Log.FirstOrDefault(line => parts.All(p => line.Contains(p, StringComparison.Ordinal)))) is not null),
            $"no log line with {string.Join(" and ", parts)}",
            stop);
        return found!;
    }

    private static Task Until(Func<Task<bool>> met, string otherwise, CancellationToken stop) =>
        Condition.Wait(met, Patience, () => otherwise, stop);
}
