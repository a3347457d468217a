using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Which rule of which HTTPRoute has a request: the conformance suite's tests of those names (GATEWAY-HTTP).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class HttpRouteMatchTests(ConformanceLab lab)
{
    private const string Shared = "same-namespace";

    [Fact]
    public async Task HTTPRouteSimpleSameNamespace()
    {
        lab.Apply(Route("simple", Shared, $"{{backendRefs: [{To("v1")}]}}"));
        await lab.Accepted("HTTPRoute", "simple");
        await lab.Expect(Shared, "GET / -> v1");
    }

    [Fact]
    public async Task HTTPRouteCrossNamespace()
    {
        lab.Apply(RouteOf("HTTPRoute", "cross", "web", "{name: backend-namespaces, namespace: infra}", $"{{backendRefs: [{To("web")}]}}"));
        await lab.Accepted("HTTPRoute", "web/cross");
        await lab.Expect("backend-namespaces", "GET / -> web");
    }

    [Fact]
    public async Task HTTPRouteExactPathMatching()
    {
        lab.Apply(Route("exact", Shared, Rule(Exact("/one"), "v1") + Rule(Exact("/two"), "v2")));
        await lab.Accepted("HTTPRoute", "exact");
        await lab.Expect(Shared, """
            GET /one -> v1
            GET /two -> v2
            GET / -> 404
            GET /one/example -> 404
            GET /two/ -> 404
            GET /Two -> 404
            """);
    }

    [Fact]
    public async Task HTTPRoutePathMatchOrder()
    {
        string prefix(string path) => $"{{path: {{value: {path}}}}}";
        lab.Apply(Route(
            "order",
            Shared,
            Rule(Exact("/match"), "v1") + Rule(Exact("/match/exact"), "v2") + Rule(Exact("/match/exact/one"), "v3")
            + Rule(prefix("/match/"), "v3") + Rule(prefix("/match/prefix/"), "v1") + Rule(prefix("/match/prefix/one"), "v2")));
        await lab.Accepted("HTTPRoute", "order");
        await lab.Expect(Shared, """
            GET /match/exact/one -> v3
            GET /match/exact -> v2
            GET /match -> v1
            GET /match/prefix/one/any -> v2
            GET /match/prefix/any -> v1
            GET /match/any -> v3
            """);
    }

    [Fact]
    public async Task HTTPRouteMatching()
    {
        lab.Apply(Route("matching", Shared, Rule($"{{path: {{value: /}}}}, {Header("version", "one")}", "v1") + Rule($"{{path: {{value: /v2}}}}, {Header("version", "two")}", "v2")));
        await lab.Accepted("HTTPRoute", "matching");
        await lab.Expect(Shared, """
            GET / -> v1
            GET /example -> v1
            GET / | Version: one -> v1
            GET /v2 -> v2
            GET /v2/example -> v2
            GET / | Version: two -> v2
            GET /v2/ -> v2
            GET /v2example -> v1
            GET /foo/v2/example -> v1
            """);
    }

    [Fact]
    public async Task HTTPRouteMatchingAcrossRoutes()
    {
        lab.Apply(
            Route("part1", Shared, Rule($"{{path: {{value: /}}}}, {Header("version", "one")}", "v1"), "example.com, example.net"),
            Route("part2", Shared, Rule($"{{path: {{value: /v2}}}}, {Header("version", "two")}", "v2"), "example.com"));
        await lab.Accepted("HTTPRoute", "part1", "part2");
        await lab.Expect(Shared, """
            GET example.com/ -> v1
            GET example.com/example -> v1
            GET example.net/example -> v1
            GET example.com/example | Version: one -> v1
            GET example.com/v2 -> v2
            GET example.net/v2 -> v1
            GET example.com/v2/example -> v2
            GET example.com/ | Version: two -> v2
            """);
    }

    [Fact]
    public async Task HTTPRouteHeaderMatching()
    {
        lab.Apply(Route(
            "headers",
            Shared,
            Rule(Header("version", "one"), "v1")
            + Rule(Header("version", "two"), "v2")
            + Rule("{headers: [{name: version, value: two}, {name: color, value: orange}]}", "v1")
            + Rule($"{Header("color", "blue")}, {Header("color", "green")}", "v1")
            + Rule($"{Header("color", "red")}, {Header("color", "yellow")}", "v2")));
        await lab.Accepted("HTTPRoute", "headers");
        await lab.Expect(Shared, """
            GET / | Version: one -> v1
            GET / | Version: two -> v2
            GET / | Version: two; Color: orange -> v1
            GET / | Version: two; Color: blue -> v2
            GET / | Color: orange -> 404
            GET / | Some-Other-Header: one -> 404
            GET / | Color: blue -> v1
            GET / | Color: green -> v1
            GET / | Color: red -> v2
            GET / | Color: yellow -> v2
            GET / | Color: purple -> 404
            """);
    }

    [Fact]
    public async Task HTTPRouteMethodMatching()
    {
        lab.Apply(Route(
            "methods",
            Shared,
            Rule("{method: POST}", "v1")
            + Rule("{method: GET}", "v2")
            + Rule("{path: {value: /path1}, method: GET}", "v1")
            + Rule("{headers: [{name: version, value: one}], method: PUT}", "v2")
            + Rule("{path: {value: /path2}, headers: [{name: version, value: two}], method: POST}", "v3")
            + Rule("{path: {value: /path3}, method: PATCH}, {path: {value: /path4}, headers: [{name: version, value: three}], method: DELETE}", "v1")
            + Rule("{path: {value: /path5}}", "v1")
            + Rule("{method: PATCH}", "v2")
            + Rule(Header("version", "four"), "v3")));
        await lab.Accepted("HTTPRoute", "methods");
        await lab.Expect(Shared, """
            POST / -> v1
            GET / -> v2
            HEAD / -> 404
            GET /path1 -> v1
            PUT / | version: one -> v2
            POST /path2 | version: two -> v3
            PATCH /path3 -> v1
            DELETE /path4 | version: three -> v1
            PUT / -> 404
            DELETE /path4 -> 404
            PATCH /path5 -> v1
            PATCH / | version: four -> v2
            """);
    }

    [Fact]
    public async Task HTTPRouteQueryParamMatching()
    {
        string query(string animal, string name = "animal") => $"queryParams: [{{name: {name}, value: {animal}}}]";
        lab.Apply(Route(
            "query",
            Shared,
            Rule($"{{{query("whale")}}}", "v1")
            + Rule($"{{{query("dolphin")}}}", "v2")
            + Rule($"{{queryParams: [{{name: animal, value: dolphin}}, {{name: color, value: blue}}]}}, {{{query("Whale", "ANIMAL")}}}", "v3")
            + Rule($"{{path: {{value: /path1}}, {query("whale")}}}", "v1")
            + Rule($"{{headers: [{{name: version, value: one}}], {query("whale")}}}", "v2")
            + Rule($"{{path: {{value: /path2}}, headers: [{{name: version, value: two}}], {query("whale")}}}", "v3")
            + Rule($"{{path: {{value: /path3}}, {query("shark")}}}, {{path: {{value: /path4}}, headers: [{{name: version, value: three}}], {query("kraken")}}}", "v1")
            + Rule("{path: {value: /path5}}", "v1")
            + Rule($"{{{query("hydra")}}}", "v2")
            + Rule(Header("version", "four"), "v3")));
        await lab.Accepted("HTTPRoute", "query");
        await lab.Expect(Shared, """
            GET /?animal=whale -> v1
            GET /?animal=dolphin -> v2
            GET /?animal=dolphin&color=blue -> v3
            GET /?ANIMAL=Whale -> v3
            GET /?animal=whale&otherparam=irrelevant -> v1
            GET /?animal=dolphin&color=yellow -> v2
            GET /?color=blue -> 404
            GET /?animal=dog -> 404
            GET /?animal=whaledolphin -> 404
            GET / -> 404
            GET /path1?animal=whale -> v1
            GET /?animal=whale | version: one -> v2
            GET /path2?animal=whale | version: two -> v3
            GET /path3?animal=shark -> v1
            GET /path4?animal=kraken | version: three -> v1
            GET /?animal=shark -> 404
            GET /path4?animal=kraken -> 404
            GET /path5?animal=hydra -> v1
            GET /?animal=hydra | version: four -> v3
            """);
    }

    [Fact]
    public async Task HTTPRouteNamedRule()
    {
        lab.Apply(Route("named", Shared, "{name: named-rule, matches: [{path: {value: /named}}], backendRefs: [{name: v1, port: 80}]}\n" + Prefix("/unnamed", "", "v2")));
        await lab.Accepted("HTTPRoute", "named");
        await lab.Expect(Shared, """
            GET /named -> v1
            GET /unnamed -> v2
            """);
    }

    [Fact]
    public async Task HTTPRouteMultipleGateways()
    {
        lab.Apply(
            RouteOf("HTTPRoute", "shared", "infra", "{name: same-namespace}, {name: all-namespaces}", Prefix("/shared", "")),
            Route("own-same", Shared, Prefix("/same", "", "v2")),
            Route("own-all", "all-namespaces", Prefix("/all", "", "v3")));
        await lab.Accepted("HTTPRoute", "shared", "own-same", "own-all");
        await lab.Expect(Shared, """
            GET /shared -> v1
            GET /same -> v2
            GET /all -> 404
            """);
        await lab.Expect("all-namespaces", """
            GET /shared -> v1
            GET /all -> v3
            GET /same -> 404
            """);
    }

    private static string Exact(string path) => $"{{path: {{type: Exact, value: {path}}}}}";

    private static string Header(string name, string value) => $"{{headers: [{{name: {name}, value: {value}}}]}}";
}
