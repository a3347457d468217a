using System.Globalization;
using System.Net;
using Ztunnel.Lab;
using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// Routes whose parent is a Service, for clients in the mesh, through a waypoint: the conformance suite's tests of those names (MESH-HTTP and
/// MESH-GRPC). Once a service has a route, what none is for is 404.
/// </summary>
[Collection(nameof(ConformanceLab))]
public sealed class MeshRouteTests(ConformanceLab lab)
{
    private LabPod Producer => lab.Mesh.Pod("producer");

    [Fact]
    public async Task MeshBasic()
    {
        lab.Apply();
        await Expect("echo", "GET echo/ -> 200");
    }

    [Fact]
    public async Task MeshHTTPRouteSimpleSameNamespace()
    {
        await Apply("echo", $"{{backendRefs: [{To("echo-v1")}]}}");
        await Expect("echo", string.Join('\n', Enumerable.Repeat("GET echo/ -> echo-v1", 6)));
    }

    [Fact]
    public async Task MeshTrafficSplit()
    {
        await Apply("echo", Rule("{path: {type: Exact, value: /v1}}", "echo-v1") + Rule("{path: {type: Exact, value: /v2}}", "echo-v2"), port: null);
        await Expect("echo", """
            GET echo/v1 -> echo-v1
            GET echo/v2 -> echo-v2
            GET echo/ -> 404
            """);
    }

    [Fact]
    public async Task MeshFrontend()
    {
        await Apply("echo-v2", Marking("echo-v2", "frontend"), port: null);
        await Expect("echo-v2", "GET echo-v2/ -> echo-v2; has x-mark: frontend");
        await ConformanceLab.Expect(Producer, new IPEndPoint(lab.Mesh.Pod("echo-v2").IPv4, Backend.Http1Port), "GET echo-v2/ -> echo-v2; lacks x-mark");
    }

    [Fact]
    public async Task MeshFrontendHostname()
    {
        await Apply("echo-v2", Marking("echo-v2", "frontend"), port: null);
        await Expect("echo-v2", "GET echo-v1/ -> echo-v2; has x-mark: frontend");
        await Expect("echo-v1", "GET echo-v2/ -> echo-v1; lacks x-mark");
    }

    [Fact]
    public async Task MeshPorts()
    {
        lab.Apply(At("first", "mesh", "echo-v1", Marking("echo-v1", "v1"), 80), At("second", "mesh", "echo-v2", Marking("echo-v2", "v2"), null));
        await lab.Accepted("HTTPRoute", "mesh/first", "mesh/second");
        await Expect("echo-v1", "GET echo-v1/ -> echo-v1; has x-mark: v1");
        await Expect("echo-v2", "GET echo-v2/ -> echo-v2; has x-mark: v2");
        await Expect("echo-v1", "GET echo-v1/ -> echo-v1; lacks x-mark", 8080);
        await Expect("echo-v2", "GET echo-v2/ -> echo-v2; has x-mark: v2", 8080);
    }

    [Fact]
    public async Task MeshConsumerRoute()
    {
        lab.Apply(At(
            "consumers",
            "consumer",
            "echo-v1",
            $"{{{Mark("consumer")}, backendRefs: [{{name: echo-v1, namespace: mesh, port: 80}}]}}",
            null));
        await lab.Accepted("HTTPRoute", "consumer/consumers");
        await ConformanceLab.Expect(lab.Mesh.Pod("consumer"), Address("echo-v1", 80), "GET echo-v1.mesh/ -> echo-v1; has x-mark: consumer");
        await Expect("echo-v1", "GET echo-v1.mesh/ -> echo-v1; lacks x-mark");
    }

    [Fact]
    public async Task MeshHTTPRouteMatching()
    {
        string header(string value) => $"{{headers: [{{name: version, value: {value}}}]}}";
        await Apply("echo", Rule($"{{path: {{value: /}}}}, {header("one")}", "echo-v1") + Rule($"{{path: {{value: /v2}}}}, {header("two")}", "echo-v2"));
        await Expect("echo", """
            GET echo/ -> echo-v1
            GET echo/example -> echo-v1
            GET echo/ | Version: one -> echo-v1
            GET echo/v2 -> echo-v2
            GET echo/v2/ -> echo-v2
            GET echo/v2/example -> echo-v2
            GET echo/ | Version: two -> echo-v2
            GET echo/v2example -> echo-v1
            GET echo/foo/v2/example -> echo-v1
            """);
    }

    [Fact]
    public async Task MeshHTTPRouteQueryParamMatching()
    {
        string query(string animal) => $"{{queryParams: [{{name: animal, value: {animal}}}]}}";
        await Apply("echo", Rule(query("whale"), "echo-v1") + Rule(query("dolphin"), "echo-v2"));
        await Expect("echo", """
            GET echo/?animal=whale -> echo-v1
            GET echo/?animal=dolphin -> echo-v2
            GET echo/?animal=whale&otherparam=irrelevant -> echo-v1
            GET echo/?color=blue -> 404
            GET echo/?ANIMAL=whale -> 404
            GET echo/ -> 404
            """);
    }

    [Fact]
    public async Task MeshHTTPRouteNamedRule()
    {
        await Apply("echo", $"{{name: named-rule, matches: [{{path: {{value: /named}}}}], backendRefs: [{To("echo-v1")}]}}\n" + Prefix("/unnamed", "", "echo-v2"));
        await Expect("echo", "GET echo/named -> echo-v1\nGET echo/unnamed -> echo-v2");
    }

    [Fact]
    public async Task MeshHTTPRouteWeight()
    {
        await Apply("echo", $"{{{Mark("weight")}, backendRefs: [{{name: echo-v1, port: 80, weight: 70}}, {{name: echo-v2, port: 80, weight: 30}}]}}");
        await Expect("echo", "GET echo/ -> 200; has x-mark: weight");
        Weights.AssertShares(
            await Weights.Sample(300, _ => ConformanceLab.Ask(Producer, Address("echo", 80), "GET echo/ -> 200")), ("echo-v1", 0.7), ("echo-v2", 0.3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task MeshHTTPRouteRequestHeaderModifier(bool atBackend)
    {
        string rule(string path, string change)
        {
            string filters = $"filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{{change}}}}}]";
            return $"{{matches: [{{path: {{value: {path}}}}}], {(atBackend ? "" : $"{filters}, ")}backendRefs: [{{name: echo-v1, port: 80{(atBackend ? $", {filters}" : "")}}}]}}\n";
        }

        await Apply(
            "echo",
            rule("/set", "set: [{name: X-Header-Set, value: set-overwrites-values}]")
            + rule("/add", "add: [{name: X-Header-Add, value: add-appends-values}]")
            + rule("/remove", "remove: [X-Header-Remove]"));
        await Expect("echo", """
            GET echo/set | X-Header-Set: other -> echo-v1; sees X-Header-Set: set-overwrites-values
            GET echo/add -> echo-v1; sees X-Header-Add: add-appends-values
            GET echo/add | X-Header-Add: other -> echo-v1; sees X-Header-Add: other,add-appends-values
            GET echo/remove | X-Header-Remove: val -> echo-v1; misses X-Header-Remove
            """);
    }

    [Fact]
    public async Task MeshHTTPRouteRewritePath()
    {
        await Apply(
            "echo",
            Prefix("/prefix/one", "{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /one}}}", "echo-v1")
            + Prefix("/full/one", "{type: URLRewrite, urlRewrite: {path: {type: ReplaceFullPath, replaceFullPath: /one}}}", "echo-v2"));
        await Expect("echo", """
            GET echo/prefix/one/two -> echo-v1; path /one/two
            GET echo/full/one/two -> echo-v2; path /one
            """);
    }

    [Theory]
    [InlineData("HTTPRouteRedirectHostAndStatus", "hostname: example.org, statusCode: 301", 301, "http://example.org/redirected")]
    [InlineData("HTTPRouteRedirectPath", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /replacement}", 302, "http://echo/replacement")]
    [InlineData("HTTPRouteRedirectPort", "port: 8083", 302, "http://echo:8083/redirected")]
    [InlineData("HTTPRouteRedirectScheme", "scheme: https", 302, "https://echo/redirected")]
    [InlineData("HTTPRoute303Redirect", "statusCode: 303", 303, "http://echo/redirected")]
    [InlineData("HTTPRoute307Redirect", "statusCode: 307", 307, "http://echo/redirected")]
    [InlineData("HTTPRoute308Redirect", "statusCode: 308", 308, "http://echo/redirected")]
    public async Task MeshRedirects(string test, string redirect, int status, string location)
    {
        Assert.StartsWith("HTTPRoute", test, StringComparison.Ordinal);
        await Apply("echo", Prefix("/redirected", $"{{type: RequestRedirect, requestRedirect: {{{redirect}}}}}", ""));
        await Expect("echo", $"GET echo/redirected -> {status.ToString(CultureInfo.InvariantCulture)}; to {location}");
    }

    [Fact]
    public async Task MeshGRPCRouteWeight()
    {
        lab.Apply(RouteOf(
            "GRPCRoute",
            "weight",
            "mesh",
            "{group: \"\", kind: Service, name: echo, port: 81}",
            $"{{{Mark("weight")}, backendRefs: [{{name: echo-v1, port: 81, weight: 70}}, {{name: echo-v2, port: 81, weight: 30}}, {{name: echo-v3, port: 81, weight: 0}}]}}"));
        await lab.Parents("mesh/weight", "Service mesh/echo port 81: Accepted ResolvedRefs=False/BackendNotFound", "GRPCRoute");
        const string Call = "POST echo/grpc.Echo/Echo | content-type: application/grpc -> 200; has x-mark: weight";
        await ConformanceLab.Expect(Producer, Address("echo", 81), Call, HttpVersion.Version20);
        Dictionary<string, int> shares = await Weights.Sample(300, _ => ConformanceLab.Ask(Producer, Address("echo", 81), Call, HttpVersion.Version20));
        Weights.AssertShares(shares, ("echo-v1", 0.7), ("echo-v2", 0.3));
    }

    private Task Expect(string service, string rows, int port = 80) => ConformanceLab.Expect(Producer, Address(service, port), rows);

    private async Task Apply(string service, string rules, int? port = 80)
    {
        lab.Apply(At("of-service", "mesh", service, rules, port));
        await lab.Accepted("HTTPRoute", "mesh/of-service");
    }

    private static string At(string name, string @namespace, string service, string rules, int? port) => RouteOf(
        "HTTPRoute", name, @namespace, $"{{group: \"\", kind: Service, name: {service}, namespace: mesh{(port is null ? "" : $", port: {port}")}}}", rules);

    private static string Marking(string backend, string value) =>
        $"{{{Mark(value)}, backendRefs: [{To(backend)}]}}";

    private static IPEndPoint Address(string service, int port) => new(IPAddress.Parse(MeshAddress(service)), port);
}
