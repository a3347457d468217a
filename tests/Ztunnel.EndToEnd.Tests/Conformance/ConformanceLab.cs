using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Text.Json;
using Ztunnel.Diagnostics;
using Ztunnel.Lab;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// What Gateway API's conformance suite sets up before its tests, on nodes of ours: the Gateways that several tests use, each in a pod
/// of its own, more pods for the Gateways that a test brings itself (<c>gw1</c> to <c>gw4</c>), backends in three namespaces, and for the
/// mesh the service echo of two versions behind a waypoint, with clients in its namespace and in another. A test applies its objects in
/// place of those of the test before it, waits for their statuses and sends requests.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
public sealed class ConformanceLab : IAsyncLifetime
{
    private static readonly string[] Gateways = ["same-namespace", "all-namespaces", "backend-namespaces", "with-https", "gw1", "gw2", "gw3", "gw4"];

    private readonly List<IAsyncDisposable> _backends = [];
    private MeshLab? _mesh;

    internal MeshLab Mesh => _mesh!;

    internal LabPod Client => Mesh.Pod("client");

    public async ValueTask InitializeAsync()
    {
        _mesh = await MeshLab.Start(
            lab =>
            {
                LabNodeBuilder edge = lab.Node("a");
                foreach (string gateway in Gateways)
                    edge.Pod(gateway, "infra");
                edge.Pod("client", "outside");
                lab.Node("b").Pod("v1", "infra").Pod("v2", "infra").Pod("v3", "infra").Pod("app-v1", "app").Pod("app-v2", "app").Pod("web", "web")
                    .Pod("echo-v1", "mesh").Pod("echo-v2", "mesh").Pod("waypoint", "mesh").Pod("producer", "mesh").Pod("consumer", "consumer");
            },
            ConformanceManifests.Base,
            // MeshFrontend asks a pod past the waypoint of its service, which is refused otherwise.
            options => options with { Mesh = new MeshOptions { WaypointBypass = WaypointBypass.Allow } },
            waitFor: pod => pod.Namespace is "app" or "mesh" or "consumer" && pod.Name != "waypoint");
        foreach (string name in new[] { "v1", "v2", "v3", "app-v1", "app-v2", "web", "echo-v1", "echo-v2" })
            _backends.Add(await Backend.Start(Mesh.Pod(name)));
        foreach (string name in new[] { "v1", "v2", "v3", "app-v1" })
            _backends.Add(EchoServer.Start(Mesh.Pod(name), 7000));
        foreach (string gateway in Gateways)
            await Mesh.StartGateway(Mesh.Pod(gateway), gateway, options => options with { Workers = 1, Diagnostics = new DiagnosticsOptions() });
        await Mesh.StartGateway(Mesh.Pod("waypoint"), "waypoint", options => options with { Workers = 1 });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (IAsyncDisposable backend in _backends)
            await backend.DisposeAsync();
        if (_mesh is not null)
            await _mesh.DisposeAsync();
    }

    /// <summary>Has a test's objects be there in place of those of the test before it.</summary>
    internal void Apply(params string[] objects) => Mesh.Manifests.Write("case.yaml", Yaml.Join(objects));

    /// <summary>Sends the requests of <paramref name="rows"/> to a Gateway, each until what comes is what it says.</summary>
    internal Task Expect(string gateway, string rows) => Expect(gateway, 80, rows);

    /// <inheritdoc cref="Expect(string, string)"/>
    internal Task Expect(string gateway, int port, string rows, Version? version = null, string? serverName = null, bool tls = false) =>
        Expect(Client, new IPEndPoint(Mesh.Pod(gateway).IPv4, port), rows, version, serverName, tls);

    /// <summary>Sends the requests of <paramref name="rows"/> from a pod to an address, each until what comes is what it says.</summary>
    internal static async Task Expect(LabPod from, IPEndPoint to, string rows, Version? version = null, string? serverName = null, bool tls = false)
    {
        string authority = to.Port is 80 or 443 ? to.Address.ToString() : to.ToString();
        foreach (Row row in Row.Read(rows))
        {
            string? fault = null;
            await MeshLab.Eventually(
                () => $"{row.Text}; it is: {fault}",
                async () =>
                {
                    using HttpRequestMessage request = row.Request(tls && serverName is null ? "https" : "http", authority, version ?? HttpVersion.Version11);
                    try
                    {
                        fault = row.Fault(await Exchange.Send(from, to, request, serverName));
                    }
                    catch (HttpRequestException e)
                    {
                        // The port may not be open yet.
                        fault = e.Message;
                    }

                    return fault is null;
                });
        }
    }

    /// <summary>Asks a Gateway once, for a path and no host.</summary>
    internal Task<Exchange> Ask(string gateway, string path) => Ask(Client, new IPEndPoint(Mesh.Pod(gateway).IPv4, 80), $"GET {path} -> 200");

    /// <summary>Sends a row's request once.</summary>
    internal static async Task<Exchange> Ask(LabPod from, IPEndPoint to, string row, Version? version = null)
    {
        using HttpRequestMessage request = Row.Read(row).Single().Request("http", to.ToString(), version ?? HttpVersion.Version11);
        return await Exchange.Send(from, to, request);
    }

    /// <summary>Waits until nothing can be connected to at a Gateway's port.</summary>
    internal Task Closed(string gateway, int port) => MeshLab.Eventually($"port {port} of {gateway} to be closed", async () =>
    {
        try
        {
            using Socket socket = await PodSocket.Connect(Client, Mesh.Pod(gateway).IPv4, port);
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    });

    /// <summary>Waits until a Gateway ends a TLS handshake for a server name, and with no word: no alert.</summary>
    internal Task Rejected(string gateway, int port, string serverName) => MeshLab.Eventually($"{gateway} to break off what is for {serverName}", async () =>
    {
        using Socket socket = await PodSocket.Connect(Client, Mesh.Pod(gateway).IPv4, port);
        await using var tls = new SslStream(new NetworkStream(socket));
        try
        {
            await tls.AuthenticateAsClientAsync(serverName).WaitAsync(MeshLab.Patience);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
        catch (AuthenticationException)
        {
            // A certificate that was shown and is not trusted, or an alert.
            return false;
        }
    });

    /// <summary>Waits until a connection to a Gateway's port is greeted by a pod, or where that is null breaks off.</summary>
    internal Task Greeted(string gateway, int port, string? pod)
    {
        string? found = null;
        return MeshLab.Eventually(
            () => $"{gateway}:{port.ToString(CultureInfo.InvariantCulture)} to greet as {pod ?? "nobody"}; it greets as {found ?? "nobody"}",
            async () => (found = (await Greeting(gateway, port))) == pod);
    }

    /// <summary>Who greets a connection to a Gateway's port; null for nobody.</summary>
    internal async Task<string?> Greeting(string gateway, int port) =>
        await EchoServer.Greeting(Client, Mesh.Pod(gateway).IPv4, port) is { Length: > 0 } greeting ? greeting.Split(' ')[0] : null;

    /// <summary>Waits until a Gateway is reached at those addresses.</summary>
    internal Task Addresses(string gateway, string expected) => Status(
        "Gateway", gateway, expected, status => string.Join(' ', status.GetProperty("addresses").EnumerateArray().Select(address => address.GetString())));

    /// <summary>Waits until an object's status is of that generation.</summary>
    internal Task Generation(string kind, string name, long generation) => Status(
        kind, name, generation.ToString(CultureInfo.InvariantCulture), status => status.TryGetProperty("observedGeneration", out JsonElement observed) ? observed.GetRawText() : "none");

    /// <summary>
    /// Waits until a route's parents are as said, one a line: <c>gateway: conditions</c>, where a condition that says nothing out of the
    /// ordinary is its type alone, and the gateway's namespace infra is left out.
    /// </summary>
    internal Task Parents(string route, string expected, string kind = "HTTPRoute") => Status(kind, route, Lines(expected), status => string.Join(
        '\n', status.GetProperty("parents").EnumerateArray().Select(parent =>
            $"{parent.GetProperty("parent").GetString()!.Replace("Gateway infra/", "", StringComparison.Ordinal)}: {Conditions(parent)}")));

    /// <summary>Waits until routes are accepted by their only parent, a Gateway or a Service, and all they refer to is there.</summary>
    internal async Task Accepted(string kind, params string[] routes)
    {
        foreach (string route in routes)
            await Status(kind, route, "", Oddities);

        static string Oddities(JsonElement status) => status.GetProperty("parents").GetArrayLength() == 0
            ? "no parent"
            : string.Join('\n', status.GetProperty("parents").EnumerateArray().Select(Conditions).Where(conditions => conditions != "Accepted ResolvedRefs"));
    }

    /// <summary>Waits until a Gateway's conditions are as said; as <see cref="Parents"/>.</summary>
    internal Task Gateway(string gateway, string expected) => Status("Gateway", gateway, expected, Conditions);

    /// <summary>
    /// Waits until a Gateway's listeners are as said, one a line: <c>name: kinds attached conditions</c>, without conditions that say
    /// nothing out of the ordinary.
    /// </summary>
    internal Task Listeners(string gateway, string expected) => Status("Gateway", gateway, Lines(expected), status => string.Join(
        '\n', status.GetProperty("listeners").EnumerateArray().Select(listener => string.Join(' ', new[]
        {
            $"{listener.GetProperty("name").GetString()}:",
            string.Join('+', listener.GetProperty("supportedKinds").EnumerateArray().Select(kind => kind.GetString())),
            listener.GetProperty("attachedRoutes").GetRawText(),
            string.Join(' ', Conditions(listener).Split(' ').Except(["Accepted", "Programmed", "ResolvedRefs", "Conflicted=False/NoConflicts"], StringComparer.Ordinal)),
        }.Where(part => part.Length > 0)))));

    private async Task Status(string kind, string name, string expected, Func<JsonElement, string> describe)
    {
        string full = name.Contains('/', StringComparison.Ordinal) ? name.TrimStart('/') : $"infra/{name}";
        string? found = null;
        await MeshLab.Eventually(
            () => $"{kind} {full} to be\n{expected}\nit is\n{found}",
            async () =>
            {
                JsonElement dump = await NodeDiagnostics.Dump(Mesh.Pod("same-namespace"));
                JsonElement status = dump.GetProperty("status").EnumerateArray().FirstOrDefault(candidate =>
                    candidate.GetProperty("kind").GetString() == kind && candidate.GetProperty("object").GetString() == full);
                found = status.ValueKind == JsonValueKind.Undefined ? "without status" : describe(status);
                return found == expected;
            });
    }

    private static string Conditions(JsonElement holder) =>
        string.Join(' ', holder.GetProperty("conditions").EnumerateArray().Select(condition =>
        {
            (string type, string status, string reason) = (Text(condition, "type"), Text(condition, "status"), Text(condition, "reason"));
            return status == "True" && reason == type ? type : $"{type}={status}/{reason}";
        }));

    private static string Text(JsonElement element, string name) => element.GetProperty(name).GetString()!;

    private static string Lines(string text) => string.Join('\n', text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}

/// <summary>The tests that share a <see cref="ConformanceLab"/>.</summary>
[CollectionDefinition(nameof(ConformanceLab))]
public sealed class ConformanceTestGroup : ICollectionFixture<ConformanceLab>;
