using System.Diagnostics.CodeAnalysis;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// Servers outside the mesh as ServiceEntries: a captured client, a waypoint of the namespace infra that entries are bound to, an
/// ingress gateway, and two servers that no manifest knows.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
public sealed class EgressLab : IAsyncLifetime
{
    private const string Bound = "labels: {istio.io/use-waypoint: egress, istio.io/use-waypoint-namespace: infra}, ";

    private readonly List<Backend> _servers = [];
    private readonly NameTable _names = new();
    private MeshLab? _mesh;

    internal MeshLab Mesh => _mesh!;

    internal LabPod Client => Mesh.Pod("client");

    public async ValueTask InitializeAsync()
    {
        _mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("client").Pod("waypoint", "infra").Pod("gateway", "infra");
                lab.Node("b").Pod("inside").Pod("one", "abroad").Pod("two", "abroad");
            },
            network =>
            {
                // The agents begin to look names up when they read the manifests.
                _names.Add("named.test", network.Pod("two").IPv4);
                _names.Add("backend.test", network.Pod("one").IPv4);
                return Manifests(network);
            },
            options => options with { Names = _names });
        foreach (string name in new[] { "one", "two", "inside" })
            _servers.Add(await Backend.Start(Mesh.Pod(name)));
        await Mesh.StartGateway(Mesh.Pod("waypoint"), "egress", options => options with { Names = _names });
        await Mesh.StartGateway(Mesh.Pod("gateway"), "edge", options => options with { Names = _names });
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Backend server in _servers)
            await server.DisposeAsync();
        if (_mesh is not null)
            await _mesh.DisposeAsync();
    }

    /// <summary>Runs curl in the client until it shows <paramref name="part"/>, and returns all it shows: a new gateway needs a moment.</summary>
    internal Task<string> Curl(string part, params string[] arguments) => WalkthroughLab.Curl(Client, [part], arguments);

    private static string Manifests(LabNetwork network)
    {
        string ip(string pod) => network.Pod(pod).IPv4.ToString();
        return Yaml.Join(
        [
            Yaml.Namespace("default", ambient: true),
            Yaml.Namespace("infra", ambient: false),
            Yaml.Pod(network.Pod("client")),
            Yaml.Pod(network.Pod("inside")),
            Yaml.Pod(network.Pod("waypoint"), "{istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: egress}"),
            Yaml.Pod(network.Pod("gateway"), "{istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: edge}"),
            Entry("plain", "plain.test", $"addresses: [10.96.9.1], resolution: STATIC, endpoints: [{{address: {ip("one")}, ports: {{http: 8080}}}}]"),
            Entry("inside", "inside.test", $"addresses: [10.96.9.2], resolution: STATIC, endpoints: [{{address: {ip("inside")}, ports: {{http: 8080}}}}]"),
            Entry("judged", "judged.test", $"addresses: [10.96.9.3], resolution: STATIC, endpoints: [{{address: {ip("one")}, ports: {{http: 8080}}}}]", Bound),
            Entry("routed", "routed.test", $"addresses: [10.96.9.4], resolution: STATIC, endpoints: [{{address: {ip("one")}, ports: {{http: 8080}}}}]", Bound),
            Entry("named", "named.test", "addresses: [10.96.9.5], resolution: DNS, endpoints: [{address: named.test, ports: {http: 8080}}]"),
            Entry("chosen", "chosen.test", "addresses: [10.96.9.6], resolution: DNS, endpoints: [{address: backend.test, ports: {http: 8080}}]", Bound),
            Entry("lost", "lost.test", "addresses: [10.96.9.7], resolution: DNS"),
            Entry("same", "\"*.same.test\"", $"addresses: [{ip("two")}/32], resolution: NONE", Bound, 8080),
            Documents.Replace("WAYPOINT", ip("waypoint"), StringComparison.Ordinal),
        ]);
    }

    private static string Entry(string name, string host, string spec, string labels = "", int port = 80) => $$"""
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: { {{labels}}name: {{name}}, namespace: default}
        spec: {hosts: [{{host}}], ports: [{number: {{port}}, name: http, protocol: HTTP}], {{spec}} }

        """;

    private const string Documents = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: egress, namespace: infra}
        spec:
          gatewayClassName: istio-waypoint
          listeners: [{name: mesh, port: 15008, protocol: HBONE, allowedRoutes: {namespaces: {from: All}}}]
        status:
          addresses: [{type: IPAddress, value: WAYPOINT}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: edge, namespace: infra}
        spec:
          gatewayClassName: istio
          listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
        ---
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: judged, namespace: default}
        spec:
          targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: judged}]
          action: ALLOW
          rules: [{from: [{source: {serviceAccounts: [client]}}], to: [{operation: {methods: [GET], paths: [/open*]}}]}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: routed, namespace: default}
        spec:
          parentRefs: [{group: networking.istio.io, kind: ServiceEntry, name: routed}]
          rules:
          - matches: [{path: {value: /named}}]
            backendRefs: [{group: networking.istio.io, kind: Hostname, name: named.test, port: 80}]
          - matches: [{path: {value: /marked}}]
            filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-marked, value: "yes"}]}}]
            backendRefs: [{group: networking.istio.io, kind: Hostname, name: routed.test, port: 80}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: edge, namespace: default}
        spec:
          parentRefs: [{name: edge, namespace: infra}]
          rules: [{backendRefs: [{group: networking.istio.io, kind: Hostname, name: named.test, port: 80}]}]

        """;
}

/// <summary>The tests that share an <see cref="EgressLab"/>.</summary>
[CollectionDefinition(nameof(EgressLab))]
public sealed class EgressTestGroup : ICollectionFixture<EgressLab>;

/// <summary>What clients of the mesh see of ServiceEntries.</summary>
[Collection(nameof(EgressLab))]
public sealed class EgressTests(EgressLab lab)
{
    [Fact]
    public async Task A_captured_client_reaches_a_server_outside_by_the_address_of_its_entry()
    {
        Assert.Contains("pod=one", await lab.Curl("pod=one", "http://10.96.9.1/"), StringComparison.Ordinal);
        string line = await lab.Mesh.AccessLine("direction=\"outbound\"", $"dst.addr={lab.Mesh.Pod("one").IPv4}:8080", "dst.service=\"plain.test\"");
        Assert.DoesNotContain("hbone", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_endpoint_that_is_a_pod_of_the_mesh_is_reached_by_tunnel()
    {
        await lab.Curl("pod=inside", "http://10.96.9.2/");
        await lab.Mesh.AccessLine("direction=\"inbound\"", $"dst.addr={lab.Mesh.Pod("inside").IPv4}:8080", "src.identity=\"spiffe://cluster.local/ns/default/sa/client\"");
    }

    [Theory]
    [InlineData("/open/1", "GET", "pod=one|200")]
    [InlineData("/closed", "GET", "RBAC: access denied|403")]
    [InlineData("/open/1", "POST", "RBAC: access denied|403")]
    public async Task At_a_waypoint_a_policy_attached_to_the_entry_judges(string path, string method, string answer)
    {
        string[] parts = answer.Split('|');
        string shown = await lab.Curl(parts[0], "-w", "|%{http_code}", "-X", method, $"http://10.96.9.3{path}");
        Assert.EndsWith($"|{parts[1]}", shown, StringComparison.Ordinal);
    }

    [Fact]
    public async Task At_a_waypoint_a_route_whose_parent_is_the_entry_chooses_among_hosts()
    {
        await lab.Curl("pod=two", "http://10.96.9.4/named");
        Assert.Contains("x-marked: yes", await lab.Curl("pod=one", "http://10.96.9.4/marked"), StringComparison.Ordinal);
        Assert.EndsWith("|404", await lab.Curl("|404", "-w", "|%{http_code}", "http://10.96.9.4/other"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_are_looked_up_at_nodes_and_at_waypoints()
    {
        await lab.Curl("pod=two", "http://10.96.9.5/");
        string shown = await lab.Curl("pod=one", "-i", "http://10.96.9.6/");
        Assert.Contains("server: istio-envoy", shown, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_name_that_nobody_knows_costs_its_own_entry_and_is_told()
    {
        ProcessResult result = await lab.Client.Exec("curl", "-sS", "--max-time", "15", "http://10.96.9.7/");
        Assert.NotEqual(0, result.ExitCode);
        await lab.Mesh.Line("no address is known of lost.test");
        Assert.Contains(lab.Mesh.Lines, line => line.Contains("ServiceEntry default/lost: name lost.test: cannot be resolved", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_waypoint_sends_on_to_the_address_asked_for_where_an_entry_has_no_endpoints()
    {
        string shown = await lab.Curl("pod=two", "-i", $"http://{lab.Mesh.Pod("two").IPv4}:8080/");
        Assert.Contains("server: istio-envoy", shown, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task An_ingress_gateway_sends_requests_to_a_host()
    {
        ProcessResult? result = null;
        await MeshLab.Eventually(
            () => $"the gateway to answer; it says {result?.Output}{result?.Error}",
            async () => (result = await lab.Mesh.Pod("one").Exec("curl", "-sS", "--max-time", "15", $"http://{lab.Mesh.Pod("gateway").IPv4}/")).Output.Contains("pod=two", StringComparison.Ordinal));
    }
}
