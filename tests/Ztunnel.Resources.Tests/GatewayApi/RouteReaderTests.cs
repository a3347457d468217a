using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>What is read of routes, grants and Secrets, with the API server's defaults, and what is said of mistakes.</summary>
public sealed class RouteReaderTests
{
    [Theory]
    [InlineData("gateway.networking.k8s.io/v1", "HTTPRoute")]
    [InlineData("gateway.networking.k8s.io/v1beta1", "HTTPRoute")]
    public void A_route_that_says_little_gets_the_defaults(string version, string kind)
    {
        HttpRouteObject route = Manifests.Only<HttpRouteObject>($$"""
            apiVersion: {{version}}
            kind: {{kind}}
            metadata: {name: r}
            spec: {parentRefs: [{name: g}]}
            """);

        Assert.Equal(new RouteRule { Matches = [new HttpMatch { Path = new PathMatch.Prefix("/") }] }, Assert.Single(route.Rules));
        Assert.Equal(new ParentReference { Name = "g" }, Assert.Single(route.Parents));
    }

    [Fact]
    public void Defaults_hold_for_each_part_by_itself()
    {
        HttpRouteObject route = Manifests.Only<HttpRouteObject>(Route("r", "{name: g}", """
            {matches: [{path: {} }, {path: {type: Exact, value: /x}, headers: [{name: a, value: b}, {name: A, value: c}]}],
             filters: [{type: RequestMirror, requestMirror: {backendRef: {name: m, port: 1}, fraction: {numerator: 5} } }, {type: CORS, cors: {} }],
             backendRefs: [{name: web, port: 80}], timeouts: {request: 0s} },
            {filters: [{type: RequestRedirect, requestRedirect: {} }]}
            """));

        Assert.Equal(PathMatch.Everything, route.Rules[0].Matches[0].Path);
        Assert.Equal(new NamedMatch("a", ValueMatch.Exact("b")), Assert.Single(route.Rules[0].Matches[1].Headers));
        Assert.Equal(new RouteFilter.Mirror(new BackendReference { Name = "m", Port = 1 }, 5, 100), route.Rules[0].Filters[0]);
        Assert.Equal(new RouteFilter.Complete(new HttpFilter.Cors(new CorsPolicy())), route.Rules[0].Filters[1]);
        Assert.Equal(new BackendReference { Name = "web", Port = 80 }, Assert.Single(route.Rules[0].Backends));
        Assert.Null(route.Rules[0].RequestTimeout);
        Assert.Equal(new RouteFilter.Complete(new HttpFilter.Redirect()), Assert.Single(route.Rules[1].Filters));
    }

    [Fact]
    public void A_grpc_route_is_read()
    {
        GrpcRouteObject route = Manifests.Only<GrpcRouteObject>(GrpcRoute("r", "{name: g}", """
            {matches: [{method: {service: pkg.Echo, method: Say} }, {method: {type: RegularExpression, service: "pkg[.].*"} }, {headers: [{name: a, value: b}]}]}, {name: rest}
            """, hostnames: "a.com"));

        PathMatch any = new PathMatch.GrpcMethod(null, null);
        Assert.Equal(
            [
                new HttpMatch { Path = new PathMatch.GrpcMethod(ValueMatch.Exact("pkg.Echo"), ValueMatch.Exact("Say")) },
                new HttpMatch { Path = new PathMatch.GrpcMethod(ValueMatch.Expression("pkg[.].*"), null) },
                new HttpMatch { Path = any, Headers = [new NamedMatch("a", ValueMatch.Exact("b"))] },
            ],
            route.Rules[0].Matches);
        Assert.Equal(new RouteRule { Name = "rest", Matches = [new HttpMatch { Path = any }] }, route.Rules[1]);
    }

    [Theory]
    [InlineData("matches: [{path: {value: x} }]", "matches[0].path.value: must begin with /, got \"x\"")]
    [InlineData("matches: [{path: {value: /a//b} }]", "matches[0].path.value: may not contain //, got \"/a//b\"")]
    [InlineData("matches: [{path: {value: /a/..} }]", "matches[0].path.value: may not end with /.. or /., got \"/a/..\"")]
    [InlineData("matches: [{path: {type: Suffix, value: /a} }]", "matches[0].path.type: expected Exact or PathPrefix or RegularExpression, got \"Suffix\"")]
    [InlineData("matches: [{path: {type: RegularExpression, value: \"(\"} }]", "matches[0].path.value: is no regular expression: ")]
    [InlineData("matches: [{path: {type: RegularExpression, value: '(a)\\1'} }]", "matches[0].path.value: is a regular expression that RE2 does not know either")]
    [InlineData("matches: [{method: FETCH}]", "matches[0].method: expected GET or HEAD or POST")]
    [InlineData("matches: [{headers: [{name: a}]}]", "matches[0].headers[0].value: is required")]
    [InlineData("backendRefs: [{name: web}]", "backendRefs[0].port: is required where the backend is a Service")]
    [InlineData("backendRefs: [{name: web, port: 80, weight: -1}]", "backendRefs[0].weight: expected a number from 0 to 1000000, got the number -1")]
    [InlineData("filters: [{type: Unknown}]", "filters[0].type: expected RequestHeaderModifier or")]
    [InlineData("filters: [{type: URLRewrite}]", "filters[0].urlRewrite: is required with this type of filter")]
    [InlineData("filters: [{type: URLRewrite, urlRewrite: {hostname: \"*.a.com\"} }]", "filters[0].urlRewrite.hostname: may not be a wildcard")]
    [InlineData("filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x} } }], matches: [{path: {type: Exact, value: /a} }]", "matches: must be exactly one, of a PathPrefix, where a filter replaces the prefix")]
    [InlineData("filters: [{type: RequestRedirect, requestRedirect: {} }], backendRefs: [{name: web, port: 80}]", "backendRefs: may not be given where a filter redirects")]
    [InlineData("filters: [{type: RequestRedirect, requestRedirect: {statusCode: 304} }]", "filters[0].requestRedirect.statusCode: expected 301 or 302 or 303 or 307 or 308, got the number 304")]
    [InlineData("filters: [{type: RequestRedirect, requestRedirect: {} }, {type: RequestRedirect, requestRedirect: {} }]", "filters[1].type: RequestRedirect may be given once only")]
    [InlineData("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: \"a b\", value: c}]} }]", "filters[0].requestHeaderModifier.set[0].name: is not the name of a header, got \"a b\"")]
    [InlineData("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: \"b\\r\\nc\"}]} }]", "filters[0].requestHeaderModifier.set[0].value: may not hold control characters")]
    [InlineData("filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: a, value: b}], remove: [A]} }]", "filters[0].requestHeaderModifier: may say one thing only of header a")]
    [InlineData("timeouts: {request: 10}", "timeouts.request: expected a string, got the number 10; put it in quotes")]
    [InlineData("timeouts: {request: 10 s}", "timeouts.request: expected a duration such as 1h30m, 10s or 500ms, got \"10 s\"")]
    [InlineData("timeouts: {request: 1s, backendRequest: 2s}", "timeouts.backendRequest: may not be longer than timeouts.request")]
    [InlineData("retry: {codes: [200]}", "retry.codes[0]: expected a status from 400 to 599, got the number 200")]
    public void A_mistake_is_named_and_costs_its_route(string rule, string expected)
    {
        ManifestFile file = Manifests.Read(Manifests.Join(Route("r", "{name: g}", $"{{{rule}}}"), Route("well", "{name: g}")));

        Assert.StartsWith($"HTTPRoute infra/r: spec.rules[0].{expected}", file.Problems[0].ToString()["x.yaml:4: ".Length..], StringComparison.Ordinal);
        Assert.Equal("well", Assert.Single(file.Objects).Key.Name);
    }

    [Theory]
    [InlineData("1h30m", 5400_000)]
    [InlineData("500ms", 500)]
    [InlineData("1h1m1s1ms", 3661_001)]
    [InlineData("0s", 0)]
    [InlineData("", null)]
    [InlineData("1", null)]
    [InlineData("s", null)]
    [InlineData("1.5s", null)]
    [InlineData("-1s", null)]
    [InlineData("100000s", null)]
    [InlineData("1s1s1s1s1s", null)]
    [InlineData("1us", null)]
    [InlineData("1S", null)]
    public void Durations_are_gateway_apis(string text, int? milliseconds)
    {
        Assert.Equal(milliseconds, GatewayDuration.TryParse(text)?.TotalMilliseconds);
    }

    [Theory]
    [InlineData("spec: {from: [], to: [{group: \"\", kind: Service}]}", "spec.from: needs at least one entry")]
    [InlineData("spec: {from: [{group: g, kind: HTTPRoute}], to: [{group: \"\", kind: Service}]}", "spec.from[0].namespace: is required")]
    public void A_mistake_in_a_grant_grants_nothing(string spec, string expected)
    {
        ManifestFile file = Manifests.Read($$"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: ReferenceGrant
            metadata: {name: g, namespace: web}
            {{spec}}
            """);

        Assert.EndsWith($"ReferenceGrant web/g: {expected}", Assert.Single(file.Problems).ToString(), StringComparison.Ordinal);
        Assert.Empty(file.Objects);
    }

    [Theory]
    [InlineData("TLSRoute", "v1")]
    [InlineData("TLSRoute", "v1alpha2")]
    [InlineData("TLSRoute", "v1alpha3")]
    [InlineData("TCPRoute", "v1")]
    [InlineData("TCPRoute", "v1alpha2")]
    public void A_route_of_connections_is_read_of_its_versions(string kind, string version)
    {
        ManifestFile file = Manifests.Read($$"""
            apiVersion: gateway.networking.k8s.io/{{version}}
            kind: {{kind}}
            metadata: {name: r}
            spec: {parentRefs: [{name: g}], rules: [{name: only, backendRefs: [{name: web, port: 80, weight: 3}]}]}
            """);

        Assert.Empty(file.Problems);
        var route = (RouteObject)Assert.Single(file.Objects).Value.Object;
        Assert.Equal($"{kind} default/r", route.Name.ToString());
        Assert.Equal(new RouteRule { Name = "only", Backends = [new BackendReference { Name = "web", Port = 80, Weight = 3 }] }, Assert.Single(route.Rules));
    }

    [Theory]
    [InlineData("{backendRefs: [{name: web, port: 80}]}, {backendRefs: [{name: web, port: 80}]}", "exactly one rule")]
    [InlineData("{backendRefs: [{name: web, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: a.com} }]}]}", "may not have filters")]
    public void A_route_of_connections_has_one_rule_without_filters(string rules, string expected)
    {
        ManifestFile file = Manifests.Read(Route("r", "{name: g}", rules, kind: "TLSRoute"));

        Assert.Contains(expected, Assert.Single(file.Problems).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("telemetry.istio.io/v1")]
    [InlineData("telemetry.istio.io/v1alpha1")]
    public void Telemetry_is_accepted(string version)
    {
        TelemetryObject telemetry = Manifests.Only<TelemetryObject>($"apiVersion: {version}\nkind: Telemetry\nmetadata: {{name: t, namespace: istio-system}}\nspec: {{accessLogging: [{{filter: {{expression: \"response.code >= 400\"}}}}]}}\n");

        Assert.Empty(new World().Put($"apiVersion: {version}\nkind: Telemetry\nmetadata: {{name: t}}\n").Problems);
        Assert.Equal("Telemetry istio-system/t", telemetry.Key.ToString());
    }
}
