using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Ztunnel.Diagnostics;
using Ztunnel.Lab;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// An ingress gateway before backends <c>one</c>, <c>two</c> and <c>three</c> in the mesh and <c>out</c> outside, each of which answers
/// as a test says, by the host it is asked for.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
public sealed class UpstreamLab : IAsyncLifetime
{
    private const string Served = "/.served";

    private readonly ConcurrentDictionary<string, Func<string, HttpContext, Task>> _answers = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<Backend> _backends = [];
    private MeshLab? _mesh;
    private int _services;

    internal MeshLab Mesh => _mesh!;

    internal GatewayAgent Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        _mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("gateway", "infra").Pod("stranger", "outside");
                lab.Node("b").Pod("one").Pod("two").Pod("three").Pod("out", "outside");
            },
            Manifests,
            waitFor: pod => pod.Name is "one" or "two" or "three");
        foreach (string name in new[] { "one", "two", "three", "out" })
            _backends.Add(await Backend.Start(Mesh.Pod(name), http => Answer(name, http)));
        Gateway = await Mesh.StartGateway(Mesh.Pod("gateway"), "edge", options => options with { Diagnostics = new DiagnosticsOptions() });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Backend backend in _backends)
            await backend.DisposeAsync();
        if (_mesh is not null)
            await _mesh.DisposeAsync();
    }

    /// <summary>What the gateway says of the traffic to port 80 of a service in <c>default</c>; undefined before there was any.</summary>
    internal async Task<JsonElement> Traffic(string service) => (await NodeDiagnostics.Dump(Mesh.Pod("gateway"))).GetProperty("upstreams")
        .EnumerateArray()
        .FirstOrDefault(upstream => upstream.GetProperty("service").GetString() == $"default/{service}");

    /// <summary>Gives a service in <c>default</c> a rule.</summary>
    internal void Rule(string service, TrafficPolicy policy) => Gateway.Mesh.Put(new DestinationRule
    {
        Name = new PolicyName("default", service),
        Host = $"{service}.default.svc.cluster.local",
        Policy = policy,
    });

    /// <summary>Says how backends answer a host. Told the backend's pod.</summary>
    internal void WhenAsked(string host, Func<string, HttpContext, Task> answer) => _answers[host] = answer;

    /// <summary>A client outside the mesh, whose every request goes to the gateway.</summary>
    internal HttpClient Client() => new(Handler()) { Timeout = TimeSpan.FromSeconds(60) };

    private SocketsHttpHandler Handler() => new()
    {
        UseCookies = false,
        AllowAutoRedirect = false,
        ConnectCallback = async (_, stop) =>
        {
            Socket socket = Mesh.Pod("stranger").NetworkNamespace.Run(() => new Socket(SocketType.Stream, ProtocolType.Tcp));
            await socket.ConnectAsync(new IPEndPoint(Mesh.Pod("gateway").IPv4, 80), stop);
            return new NetworkStream(socket, ownsSocket: true);
        },
    };

    /// <summary>
    /// Writes a service <paramref name="name"/> with endpoints on those pods, a route <c>name.test</c> to it and whatever else, and
    /// waits until it is served.
    /// </summary>
    /// <param name="name">The name.</param>
    /// <param name="rule">More fields of the route's only rule, each ending with a comma.</param>
    /// <param name="more">More documents.</param>
    /// <param name="endpoints">The pods, each followed by a port where it is not the backends' own.</param>
    internal async Task Serve(string name, string rule, string more, params string[] endpoints)
    {
        Mesh.Manifests.Write($"{name}.yaml", Yaml.Join(
        [
            Service(name, endpoints),
            $$"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: {{name}}, namespace: default}
            spec:
              parentRefs: [{name: edge, namespace: infra}]
              hostnames: [{{name}}.test]
              rules:
              - { {{rule}} backendRefs: [{name: {{name}}, port: 80}]}
              - matches: [{path: {type: Exact, value: "{{Served}}"} }]
                filters: [{type: RequestRedirect, requestRedirect: {statusCode: 302} }]

            """,
            .. more.Length == 0 ? Array.Empty<string>() : [more],
        ]));
        // Asked of the gateway, which takes a change of its model a moment later, by a rule that troubles no backend.
        using HttpMessageInvoker client = new(Handler());
        await MeshLab.Eventually($"{name}.test to be served", async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{name}.test{Served}");
            using HttpResponseMessage answer = await client.SendAsync(request, CancellationToken.None);
            return answer.StatusCode == HttpStatusCode.Redirect;
        });
    }

    /// <summary>A service with endpoints on pods.</summary>
    internal string Service(string name, params string[] endpoints)
    {
        string[][] places = [.. endpoints.Select(endpoint => endpoint.Split(':'))];
        string port = places.Length > 0 && places[0].Length > 1 ? places[0][1] : "8080";
        string served = string.Join(", ", places.Select(place => $"{{addresses: [{Mesh.Pod(place[0]).IPv4}], conditions: {{ready: true}}}}"));
        return $$$"""
            apiVersion: v1
            kind: Service
            metadata: {name: {{{name}}}, namespace: default}
            spec:
              clusterIP: 10.96.8.{{{Interlocked.Increment(ref _services)}}}
              ports: [{name: http, port: 80, targetPort: {{{port}}}}]
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: {{{name}}}-1, namespace: default, labels: {kubernetes.io/service-name: {{{name}}}}}
            addressType: IPv4
            ports: [{name: http, port: {{{port}}}}]
            endpoints: [{{{served}}}]

            """;
    }

    private Task Answer(string pod, HttpContext http)
    {
        if (_answers.TryGetValue(http.Request.Host.Host, out Func<string, HttpContext, Task>? answer))
            return answer(pod, http);
        return http.Response.WriteAsync(pod);
    }

    private static string Manifests(LabNetwork network) => Yaml.Join(
    [
        Yaml.Namespace("default", ambient: true),
        Yaml.Namespace("infra", ambient: false),
        Yaml.Namespace("outside", ambient: false),
        .. network.Pods.Select(pod => pod.Name == "gateway"
            ? Yaml.Pod(pod, "{istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: edge}")
            : Yaml.Pod(pod)),
        Yaml.GatewayClass("istio", "gateway-controller"),
        """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: edge, namespace: infra}
        spec:
          gatewayClassName: istio
          listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]

        """,
    ]);
}

/// <summary>The tests that share an <see cref="UpstreamLab"/>.</summary>
[CollectionDefinition(nameof(UpstreamLab))]
public sealed class UpstreamTestGroup : ICollectionFixture<UpstreamLab>;
