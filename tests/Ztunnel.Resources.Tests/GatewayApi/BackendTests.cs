using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>What becomes of what routes refer to: backends, mirrors, filters, and the rules as the model has them.</summary>
public sealed class BackendTests
{
    private const string FromRoutes = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}";

    private static readonly string[] Basics =
    [
        Gateway("g", [Listener("http")]),
        Manifests.Service("web", "10.96.0.1", @namespace: "infra"),
        Manifests.Service("far", "10.96.0.2", @namespace: "web"),
        Manifests.Service("named", "None", @namespace: "infra", spec: "type: ExternalName"),
    ];

    [Theory]
    [InlineData("{name: web, port: 80}", "infra/web:80", "ResolvedRefs")]
    [InlineData("{group: \"\", kind: Service, name: web, namespace: infra, port: 80, weight: 3}", "infra/web:80 3", "ResolvedRefs")]
    [InlineData("{name: nonexistent, port: 80}", "500", "ResolvedRefs=False/BackendNotFound")]
    [InlineData("{name: web, port: 81}", "500", "ResolvedRefs=False/BackendNotFound")]
    [InlineData("{name: web, kind: NonExistent}", "500", "ResolvedRefs=False/InvalidKind")]
    [InlineData("{name: web, group: unknown.example.com, kind: Service, port: 80}", "500", "ResolvedRefs=False/InvalidKind")]
    [InlineData("{name: named, port: 80}", "500", "ResolvedRefs=False/InvalidKind")]
    [InlineData("{name: far, namespace: web, port: 80}", "500", "ResolvedRefs=False/RefNotPermitted")]
    [InlineData("{name: nonexistent, namespace: web, port: 80}", "500", "ResolvedRefs=False/RefNotPermitted")]
    [InlineData("{name: web, port: 80, weight: 9}, {name: nonexistent, port: 80}", "infra/web:80 9 + 500", "ResolvedRefs=False/BackendNotFound")]
    [InlineData("", "", "ResolvedRefs")]
    public void A_backend_is_found_or_has_its_share_of_500s(string backends, string expected, string resolved)
    {
        var world = new World([.. Basics, Route("r", "{name: g}", $"{{backendRefs: [{backends}]}}")]);

        Assert.Equal($"r -> {expected}", world.Ask("g", "a.com"));
        Assert.Equal($"Accepted {resolved}", world.Parents("r"));
    }

    [Theory]
    [InlineData("web", FromRoutes, "{group: \"\", kind: Service}", true)]
    [InlineData("web", FromRoutes, "{group: \"\", kind: Service, name: far}", true)]
    [InlineData("infra", FromRoutes, "{group: \"\", kind: Service, name: far}", false)]
    [InlineData("web", "{group: not-the-group.io, kind: HTTPRoute, namespace: infra}", "{group: \"\", kind: Service, name: far}", false)]
    [InlineData("web", "{group: gateway.networking.k8s.io, kind: Gateway, namespace: infra}", "{group: \"\", kind: Service, name: far}", false)]
    [InlineData("web", "{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: infra}", "{group: \"\", kind: Service, name: far}", false)]
    [InlineData("web", "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: web}", "{group: \"\", kind: Service, name: far}", false)]
    [InlineData("web", FromRoutes, "{group: apps, kind: Service, name: far}", false)]
    [InlineData("web", FromRoutes, "{group: \"\", kind: Secret, name: far}", false)]
    [InlineData("web", FromRoutes, "{group: \"\", kind: Service, name: other}", false)]
    public void A_grant_opens_another_namespaces_service_and_no_longer_than_it_is_there(string at, string from, string to, bool granted)
    {
        string grant = Grant(at, from, to);
        var world = new World([.. Basics, Route("r", "{name: g}", "{matches: [{path: {value: /far} }], backendRefs: [{name: far, namespace: web, port: 80}]}, {matches: [{path: {value: /own} }], backendRefs: [{name: web, port: 80}]}"), grant]);

        Assert.Equal(granted ? "r -> web/far:80" : "r -> 500", world.Ask("g", "a.com", "/far"));
        Assert.Equal("r -> infra/web:80", world.Ask("g", "a.com", "/own"));
        Assert.Equal(granted ? "Accepted ResolvedRefs" : "Accepted ResolvedRefs=False/RefNotPermitted", world.Parents("r"));

        world.Remove(grant);
        Assert.Equal("r -> 500", world.Ask("g", "a.com", "/far"));
        Assert.Equal("Accepted ResolvedRefs=False/RefNotPermitted", world.Parents("r"));
    }

    [Fact]
    public void A_service_that_comes_changes_or_goes_is_followed()
    {
        var world = new World(Gateway("g", [Listener("http")]), Route("r", "{name: g}"));
        Assert.Equal("r -> 500", world.Ask("g", "a.com"));

        world.Put(Manifests.Service("web", "10.96.0.1", @namespace: "infra"));
        Assert.Equal(("r -> infra/web:80", "Accepted ResolvedRefs"), (world.Ask("g", "a.com"), world.Parents("r")));

        world.Put(Manifests.Service("web", "10.96.0.1", @namespace: "infra").Replace("port: 80,", "port: 81,", StringComparison.Ordinal));
        Assert.Equal(("r -> 500", "Accepted ResolvedRefs=False/BackendNotFound"), (world.Ask("g", "a.com"), world.Parents("r")));

        world.Remove(Manifests.Service("web", "10.96.0.1", @namespace: "infra"));
        Assert.Equal("r -> 500", world.Ask("g", "a.com"));
    }

    [Theory]
    [InlineData("appProtocol: kubernetes.io/h2c", "HTTPRoute", BackendProtocol.Http2)]
    [InlineData("appProtocol: kubernetes.io/ws", "HTTPRoute", BackendProtocol.WebSocket)]
    [InlineData("appProtocol: grpc", "HTTPRoute", BackendProtocol.Http2)]
    [InlineData("appProtocol: HTTPS", "HTTPRoute", BackendProtocol.Http1)]
    [InlineData("appProtocol: http", "HTTPRoute", BackendProtocol.Http1)]
    [InlineData("name: grpc-web", "HTTPRoute", BackendProtocol.Http1)]
    [InlineData("name: http2", "HTTPRoute", BackendProtocol.Http2)]
    [InlineData("name: http", "HTTPRoute", BackendProtocol.Http1)]
    [InlineData("name: web", "GRPCRoute", BackendProtocol.Http2)]
    public void What_is_spoken_to_a_backend_is_said_by_its_port(string port, string kind, BackendProtocol expected)
    {
        string service = Manifests.Service("web", "10.96.0.1", @namespace: "infra").Replace("name: web, port: 80", $"{(port.StartsWith("name", StringComparison.Ordinal) ? "" : "name: web, ")}{port}, port: 80", StringComparison.Ordinal);
        var world = new World(Gateway("g", [Listener("http")]), service, Route("r", "{name: g}", kind: kind));

        Assert.Equal(expected, Assert.Single(Rule(world).Backends).Protocol);
    }

    [Fact]
    public void WebSocket_over_tls_needs_what_is_not_there()
    {
        string service = Manifests.Service("web", "10.96.0.1", @namespace: "infra").Replace("name: web, port: 80", "name: web, appProtocol: kubernetes.io/wss, port: 80", StringComparison.Ordinal);
        var world = new World(Gateway("g", [Listener("http")]), service, Route("r", "{name: g}"));

        Assert.Equal(("r -> 500", "Accepted ResolvedRefs=False/UnsupportedProtocol"), (world.Ask("g", "a.com"), world.Parents("r")));
    }

    [Fact]
    public void A_mirror_to_nowhere_is_left_out_and_said()
    {
        var world = new World([.. Basics, Route("r", "{name: g}", "{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: web, port: 80}, percent: 20} }, {type: RequestMirror, requestMirror: {backendRef: {name: missing, port: 80} } }], backendRefs: [{name: web, port: 80}]}")]);

        HttpFilter.Mirror mirror = Assert.IsType<HttpFilter.Mirror>(Assert.Single(Rule(world).Filters));
        Assert.Equal((new ServiceName("infra", "web"), 20, 100), (mirror.Target.Service, mirror.Numerator, mirror.Denominator));
        Assert.Equal("Accepted ResolvedRefs=False/BackendNotFound", world.Parents("r"));
    }

    [Fact]
    public void A_filter_that_nobody_knows_is_never_skipped()
    {
        const string Extension = "{matches: [{path: {value: /a} }], filters: [{type: ExtensionRef, extensionRef: {group: example.com, kind: Filter, name: f} }], backendRefs: [{name: web, port: 80}]}";
        var world = new World([.. Basics, Route("r", "{name: g}", Extension)]);

        Assert.IsType<HttpFilter.Unusable>(Assert.Single(Rule(world).Filters));
        Assert.Equal("Accepted ResolvedRefs=False/InvalidKind", world.Parents("r"));
    }

    [Fact]
    public void A_type_of_filter_that_is_not_supported_costs_its_rule_or_the_route_when_it_is_in_all()
    {
        const string Unsupported = "{filters: [{type: ExternalAuth}], backendRefs: [{name: web, port: 80}]}";
        var world = new World([.. Basics, Route("r", "{name: g}", Unsupported), Route("s", "{name: g}", $"{Unsupported}, {{backendRefs: [{{name: web, port: 80}}]}}")]);

        Assert.Equal("Accepted=False/UnsupportedValue ResolvedRefs", world.Parents("r"));
        Assert.Equal("Accepted ResolvedRefs PartiallyInvalid=True/UnsupportedValue", world.Parents("s"));
        StatusCondition partially = world.Status(ObjectKind.HttpRoute, "s")!.Parents[0].Conditions[2];
        Assert.StartsWith("Dropped Rule", partially.Message, StringComparison.Ordinal);
        Assert.IsType<HttpFilter.Unusable>(Assert.Single(Rule(world).Filters));
    }

    [Fact]
    public void A_rule_is_in_the_model_as_it_is_written()
    {
        var world = new World([.. Basics, Route("r", "{name: g}", """
            {name: first, timeouts: {request: 2s, backendRequest: 500ms}, retry: {attempts: 2, backoff: 100ms, codes: [500, 503]},
             matches: [{path: {type: Exact, value: /one}, method: POST, headers: [{name: Version, value: two}], queryParams: [{name: a, value: "1"}]}, {path: {value: /two/} }],
             filters: [{type: URLRewrite, urlRewrite: {hostname: x.org} }],
             backendRefs: [{name: web, port: 80, filters: [{type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: x, value: y}]} }]}]}
            """, metadata: "creationTimestamp: \"2026-01-01T00:00:00Z\"")]);

        HttpRouteMatch[] matches = [.. ((HttpListener)world.Mesh.HttpGatewayOf(new GatewayName("infra", "g"))!.Listeners[0]).Routes.Matches];
        Assert.Equal(2, matches.Length);
        Assert.Equal(new HttpMatch { Path = new PathMatch.Exact("/one"), Method = "POST", Headers = [new NamedMatch("Version", ValueMatch.Exact("two"))], Query = [new NamedMatch("a", ValueMatch.Exact("1"))] }, matches[0].Match);
        Assert.Equal(
            new HttpRule
            {
                Route = new RouteName(RouteKind.Http, "infra", "r"),
                Created = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero),
                Name = "first",
                RequestTimeout = TimeSpan.FromSeconds(2),
                BackendTimeout = TimeSpan.FromMilliseconds(500),
                Retry = new RetryPolicy { Attempts = 2, Backoff = TimeSpan.FromMilliseconds(100), Codes = [500, 503] },
                Filters = [new HttpFilter.UrlRewrite("x.org", null)],
                Backends = [new HttpBackend { Service = new ServiceName("infra", "web"), Port = 80, Filters = [new HttpFilter.RequestHeaders(new HeaderChange { Add = [new HeaderValue("x", "y")] })] }],
            },
            matches[0].Rule);
    }

    [Fact]
    public void What_does_not_concern_a_gateway_does_not_touch_it()
    {
        var world = new World([.. Basics, Gateway("other", [Listener("http")]), Route("r", "{name: g}"), Route("s", "{name: other}")]);
        var heard = new List<string>();
        using IDisposable observation = world.Mesh.ObserveHttpGateways(change => heard.Add(change.Subject.Name.Name));
        heard.Clear();

        world.Put(Route("s", "{name: other}", "{matches: [{path: {value: /new} }]}"));
        Assert.Equal("other", Assert.Single(heard));
        heard.Clear();

        // Labels of a service, a grant for others, another Secret: nothing that is served changes.
        world.Put(Manifests.Service("web", "10.96.0.1", @namespace: "infra", metadata: "labels: {a: b}"), Grant("infra", FromRoutes, "{group: \"\", kind: Service}"), Secret("s", "", ""));
        Assert.Empty(heard);
    }

    private static HttpRule Rule(World world) => ((HttpListener)world.Mesh.HttpGatewayOf(new GatewayName("infra", "g"))!.Listeners[0]).Routes.Matches[0].Rule;
}
