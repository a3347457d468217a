using System.Globalization;
using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What filters do to requests and answers: the conformance suite's tests of those names (GATEWAY-HTTP, extended).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class HttpRouteFilterTests(ConformanceLab lab)
{
    private const string Shared = "same-namespace";

    private const string Modified = """
        set: [{name: X-Header-Set, value: set-overwrites-values}],
        add: [{name: X-Header-Add, value: header-val-1}, {name: X-Header-Add-Append, value: header-val-2}],
        remove: [X-Header-Remove]
        """;

    private string Edge => lab.Mesh.Pod(Shared).IPv4.ToString();

    [Fact]
    public async Task HTTPRouteRedirectHostAndStatus()
    {
        lab.Apply(Route("redirect", Shared, Redirecting("/hostname-redirect", "hostname: example.org") + Redirecting("/host-and-status", "hostname: example.org, statusCode: 301")));
        await lab.Accepted("HTTPRoute", "redirect");
        await lab.Expect(Shared, """
            GET /hostname-redirect -> 302; to http://example.org/hostname-redirect
            GET /host-and-status -> 301; to http://example.org/host-and-status
            """);
    }

    [Fact]
    public async Task HTTPRouteRedirectPath()
    {
        const string Prefix = "path: {type: ReplacePrefixMatch, replacePrefixMatch: /replacement-prefix}";
        string full(string path) => $"path: {{type: ReplaceFullPath, replaceFullPath: {path}}}";
        lab.Apply(Route(
            "redirect",
            Shared,
            Redirecting("/original-prefix", Prefix)
            + Redirecting("/full", full("/full-path-replacement"))
            + Redirecting("/path-and-host", $"hostname: example.org, {Prefix}")
            + Redirecting("/path-and-status", $"statusCode: 301, {Prefix}")
            + Redirecting("/full-path-and-host", $"hostname: example.org, {full("/replacement-full")}")
            + Redirecting("/full-path-and-status", $"statusCode: 301, {full("/replacement-full")}")));
        await lab.Accepted("HTTPRoute", "redirect");
        await lab.Expect(Shared, $"""
            GET /original-prefix/lemon -> 302; to http://{Edge}/replacement-prefix/lemon
            GET /full/path/original -> 302; to http://{Edge}/full-path-replacement
            GET /path-and-host -> 302; to http://example.org/replacement-prefix
            GET /path-and-status -> 301; to http://{Edge}/replacement-prefix
            GET /full-path-and-host -> 302; to http://example.org/replacement-full
            GET /full-path-and-status -> 301; to http://{Edge}/replacement-full
            """);
    }

    [Fact]
    public async Task HTTPRouteRedirectPort()
    {
        lab.Apply(Route(
            "redirect",
            Shared,
            Redirecting("/port", "port: 8083")
            + Redirecting("/port-and-host", "port: 8083, hostname: example.org")
            + Redirecting("/port-and-status", "port: 8083, statusCode: 301")
            + Redirecting("/port-and-host-and-status", "port: 8083, hostname: example.org, statusCode: 302")));
        await lab.Accepted("HTTPRoute", "redirect");
        await lab.Expect(Shared, $"""
            GET /port -> 302; to http://{Edge}:8083/port
            GET /port-and-host -> 302; to http://example.org:8083/port-and-host
            GET /port-and-status -> 301; to http://{Edge}:8083/port-and-status
            GET /port-and-host-and-status -> 302; to http://example.org:8083/port-and-host-and-status
            """);
    }

    [Fact]
    public async Task HTTPRouteRedirectScheme()
    {
        lab.Apply(Route(
            "redirect",
            Shared,
            Redirecting("/scheme", "scheme: https")
            + Redirecting("/scheme-and-host", "scheme: https, hostname: example.org")
            + Redirecting("/scheme-and-status", "scheme: https, statusCode: 301")
            + Redirecting("/scheme-and-host-and-status", "scheme: https, hostname: example.org, statusCode: 302")));
        await lab.Accepted("HTTPRoute", "redirect");
        await lab.Expect(Shared, $"""
            GET /scheme -> 302; to https://{Edge}/scheme
            GET /scheme-and-host -> 302; to https://example.org/scheme-and-host
            GET /scheme-and-status -> 301; to https://{Edge}/scheme-and-status
            GET /scheme-and-host-and-status -> 302; to https://example.org/scheme-and-host-and-status
            """);
    }

    [Theory]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task HTTPRouteRedirectStatus(int status)
    {
        lab.Apply(Route("redirect", Shared, Redirecting("/status", $"statusCode: {status.ToString(CultureInfo.InvariantCulture)}")));
        await lab.Accepted("HTTPRoute", "redirect");
        await lab.Expect(Shared, $"POST /status/path -> {status.ToString(CultureInfo.InvariantCulture)}; to http://{Edge}/status/path");
    }

    [Fact]
    public async Task HTTPRouteRedirectPortAndScheme()
    {
        const string Host = "hostname: example.org";
        lab.Apply(
            GatewayOf("gw1", "{name: http, port: 8080, protocol: HTTP}"),
            Route(
                "on-80",
                Shared,
                Redirecting("/nil-nil", Host) + Redirecting("/nil-80", $"{Host}, port: 80") + Redirecting("/nil-8080", $"{Host}, port: 8080")
                + Redirecting("/https-nil", $"{Host}, scheme: https") + Redirecting("/https-443", $"{Host}, scheme: https, port: 443")
                + Redirecting("/https-8443", $"{Host}, scheme: https, port: 8443")),
            Route("on-8080", "gw1", Redirecting("/nil-nil", Host) + Redirecting("/nil-80", $"{Host}, port: 80") + Redirecting("/https-nil", $"{Host}, scheme: https")),
            Route(
                "on-443",
                "with-https",
                Redirecting("/nil-nil", Host) + Redirecting("/nil-443", $"{Host}, port: 443") + Redirecting("/nil-8443", $"{Host}, port: 8443")
                + Redirecting("/http-nil", $"{Host}, scheme: http") + Redirecting("/http-80", $"{Host}, scheme: http, port: 80")
                + Redirecting("/http-8080", $"{Host}, scheme: http, port: 8080")));
        await lab.Accepted("HTTPRoute", "on-80", "on-8080", "on-443");
        await lab.Expect(Shared, """
            GET /nil-nil -> 302; to http://example.org/nil-nil
            GET /nil-80 -> 302; to http://example.org/nil-80
            GET /nil-8080 -> 302; to http://example.org:8080/nil-8080
            GET /https-nil -> 302; to https://example.org/https-nil
            GET /https-443 -> 302; to https://example.org/https-443
            GET /https-8443 -> 302; to https://example.org:8443/https-8443
            """);
        await lab.Expect("gw1", 8080, """
            GET /nil-nil -> 302; to http://example.org:8080/nil-nil
            GET /nil-80 -> 302; to http://example.org/nil-80
            GET /https-nil -> 302; to https://example.org/https-nil
            """);
        await lab.Expect(
            "with-https",
            443,
            """
            GET example.org/nil-nil -> 302; to https://example.org/nil-nil
            GET example.org/nil-443 -> 302; to https://example.org/nil-443
            GET example.org/nil-8443 -> 302; to https://example.org:8443/nil-8443
            GET example.org/http-nil -> 302; to http://example.org/http-nil
            GET example.org/http-80 -> 302; to http://example.org/http-80
            GET example.org/http-8080 -> 302; to http://example.org:8080/http-8080
            """,
            tls: true);
    }

    [Fact]
    public async Task HTTPRouteRewriteHost()
    {
        lab.Apply(Route(
            "rewrite",
            Shared,
            Prefix("/one", "{type: URLRewrite, urlRewrite: {hostname: one.example.org}}")
            + Prefix("/", "{type: URLRewrite, urlRewrite: {hostname: example.org}}", "v2")
            + Prefix("/rewrite-host-and-modify-headers", $"{{type: URLRewrite, urlRewrite: {{hostname: test.example.org}}}}, {Request(Modified)}", "v2"),
            "rewrite.example"));
        await lab.Accepted("HTTPRoute", "rewrite");
        await lab.Expect(Shared, """
            GET rewrite.example/one -> v1; host one.example.org
            GET rewrite.example/two -> v2; host example.org
            GET rewrite.example/rewrite-host-and-modify-headers | X-Header-Remove: r; X-Header-Add-Append: append-val-1 -> v2; host test.example.org; sees X-Header-Add: header-val-1; sees X-Header-Add-Append: append-val-1,header-val-2; sees X-Header-Set: set-overwrites-values; misses X-Header-Remove
            """);
    }

    [Fact]
    public async Task HTTPRouteRewritePath()
    {
        string prefix(string path) => $"{{type: URLRewrite, urlRewrite: {{path: {{type: ReplacePrefixMatch, replacePrefixMatch: {path}}}}}}}";
        string full(string path) => $"{{type: URLRewrite, urlRewrite: {{path: {{type: ReplaceFullPath, replaceFullPath: {path}}}}}}}";
        lab.Apply(Route(
            "rewrite",
            Shared,
            Prefix("/prefix/one", prefix("/one"))
            + Prefix("/strip-prefix", prefix("/"))
            + Prefix("/full/one", full("/one"))
            + Prefix("/full/rewrite-path-and-modify-headers", $"{full("/test")}, {Request(Modified)}")
            + Prefix("/prefix/rewrite-path-and-modify-headers", $"{prefix("/prefix")}, {Request(Modified)}")));
        await lab.Accepted("HTTPRoute", "rewrite");
        const string Sent = "| X-Header-Remove: r; X-Header-Add-Append: append-val-1; X-Header-Set: set-val";
        const string Seen = "sees X-Header-Add: header-val-1; sees X-Header-Add-Append: append-val-1,header-val-2; sees X-Header-Set: set-overwrites-values; misses X-Header-Remove";
        await lab.Expect(Shared, $"""
            GET /prefix/one/two -> v1; path /one/two
            GET /prefix/one/two?a=1 -> v1; path /one/two?a=1
            GET /strip-prefix/three -> v1; path /three
            GET /strip-prefix -> v1; path /
            GET /full/one/two -> v1; path /one
            GET /full/rewrite-path-and-modify-headers/test {Sent} -> v1; path /test; {Seen}
            GET /prefix/rewrite-path-and-modify-headers/one {Sent} -> v1; path /prefix/one; {Seen}
            """);
    }

    [Fact]
    public Task HTTPRouteRequestHeaderModifier() => RequestHeaders(change => $", filters: [{Request(change)}], backendRefs: [{To("v1")}]");

    [Fact]
    public Task HTTPRouteBackendRequestHeaderModifier() => RequestHeaders(change => $", backendRefs: [{{name: v1, port: 80, filters: [{Request(change)}]}}]");

    [Fact]
    public async Task HTTPRouteRequestHeaderModifierBackendWeights()
    {
        string backend(string name) => $"{{name: {name}, port: 80, filters: [{Request($"set: [{{name: Backend, value: {name}}}]")}]}}";
        lab.Apply(Route("weights", Shared, $"{{backendRefs: [{backend("v1")}, {backend("v2")}]}}"));
        await lab.Accepted("HTTPRoute", "weights");
        await lab.Expect(Shared, "GET / | x-any: 1 -> 200; has x-from: v1; sees backend: v1\nGET / -> 200; has x-from: v2; sees backend: v2");
        for (int request = 0; request < 30; request++)
        {
            Exchange exchange = await lab.Ask(Shared, "/");
            Assert.Equal(exchange.Pod, exchange.Seen("backend"));
        }
    }

    [Fact]
    public async Task HTTPRouteResponseHeaderModifier()
    {
        string response(string path, string change) => Prefix(path, $"{{type: ResponseHeaderModifier, responseHeaderModifier: {{{change}}}}}");
        const string Many = """
            set: [{name: X-Header-Set-1, value: header-set-1}, {name: X-Header-Set-2, value: header-set-2}],
            add: [{name: X-Header-Add-1, value: header-add-1}, {name: X-Header-Add-2, value: header-add-2}],
            remove: [X-Header-Remove-1, X-Header-Remove-2]
            """;
        lab.Apply(Route(
            "response",
            Shared,
            OneLine(response("/set", "set: [{name: X-Header-Set, value: set-overwrites-values}]"))
            + OneLine(response("/add", "add: [{name: X-Header-Add, value: add-appends-values}]"))
            + OneLine(response("/remove", "remove: [X-Header-Remove]"))
            + OneLine(response("/multiple", Many))
            + OneLine(response(
                "/case-insensitivity",
                "set: [{name: X-Header-Set, value: header-set}], add: [{name: X-Header-Add, value: header-add}, {name: x-lowercase-add, value: lowercase-add}, {name: x-Mixedcase-ADD-1, value: mixedcase-add-1}, {name: X-UPPERCASE-ADD, value: uppercase-add}], remove: [X-Header-Remove]"))
            + OneLine(Prefix("/both", $"{{type: ResponseHeaderModifier, responseHeaderModifier: {{{Many}}}}}, {Request(Modified)}"))));
        await lab.Accepted("HTTPRoute", "response");
        const string Set = "X-Echo-Set-Header: X-Header-Set-2: set-val-2 & X-Header-Add-2: add-val-2 & X-Header-Remove-2: r & X-Header-Remove-1: r & Another-Header: another";
        const string Changed = "has X-Header-Set-1: header-set-1; has X-Header-Set-2: header-set-2; has X-Header-Add-1: header-add-1; has X-Header-Add-2: add-val-2,header-add-2; has Another-Header: another; lacks X-Header-Remove-1; lacks X-Header-Remove-2";
        await lab.Expect(Shared, $"""
            GET /set | X-Echo-Set-Header: Some-Other-Header: val -> v1; has Some-Other-Header: val; has X-Header-Set: set-overwrites-values
            GET /set | X-Echo-Set-Header: X-Header-Set: other -> v1; has X-Header-Set: set-overwrites-values
            GET /add | X-Echo-Set-Header: Some-Other-Header: val -> v1; has Some-Other-Header: val; has X-Header-Add: add-appends-values
            GET /add | X-Echo-Set-Header: X-Header-Add: other -> v1; has X-Header-Add: other,add-appends-values
            GET /remove | X-Echo-Set-Header: X-Header-Remove: val -> v1; lacks X-Header-Remove
            GET /multiple | {Set} -> v1; {Changed}
            GET /case-insensitivity | X-Echo-Set-Header: x-header-set: o & x-header-add: original & x-header-remove: o -> v1; has X-Header-Set: header-set; has X-Header-Add: original,header-add; has X-Lowercase-Add: lowercase-add; has X-Mixedcase-Add-1: mixedcase-add-1; has X-Uppercase-Add: uppercase-add; lacks X-Header-Remove
            GET /both | {Set}; X-Header-Remove: r; X-Header-Add-Append: append-val-1 -> v1; {Changed}; sees X-Header-Add: header-val-1; sees X-Header-Set: set-overwrites-values; sees X-Header-Add-Append: append-val-1,header-val-2; misses X-Header-Remove
            """);
    }

    [Fact]
    public async Task HTTPRouteBackendRequestRedirect()
    {
        string backend(string path) => $"{{name: v1, port: 80, filters: [{{type: RequestRedirect, requestRedirect: {{path: {path}}}}}]}}";
        lab.Apply(Route(
            "redirect",
            Shared,
            $"{{matches: [{{path: {{value: /prefix}}}}], backendRefs: [{backend("{type: ReplacePrefixMatch, replacePrefixMatch: /new}")}]}}\n"
            + $"{{matches: [{{path: {{value: /full}}}}], backendRefs: [{backend("{type: ReplaceFullPath, replaceFullPath: /whole}")}]}}"));
        await lab.Accepted("HTTPRoute", "redirect");
        await lab.Expect(Shared, $"""
            GET /prefix/lemon -> 302; to http://{Edge}/new/lemon
            GET /full/lemon -> 302; to http://{Edge}/whole
            """);
    }

    [Fact]
    public async Task HTTPRouteBackendURLRewrite()
    {
        string backend(string rewrite) => $"{{name: v1, port: 80, filters: [{{type: URLRewrite, urlRewrite: {{{rewrite}}}}}]}}";
        lab.Apply(Route(
            "rewrite",
            Shared,
            $"{{matches: [{{path: {{value: /prefix}}}}], backendRefs: [{backend("path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}")}]}}\n"
            + $"{{matches: [{{path: {{value: /host}}}}], backendRefs: [{backend("hostname: one.example.org")}]}}"));
        await lab.Accepted("HTTPRoute", "rewrite");
        await lab.Expect(Shared, """
            GET /prefix/lemon -> v1; path /new/lemon
            GET /host -> v1; host one.example.org
            """);
    }

    [Fact]
    public async Task HTTPRouteCORS()
    {
        string cors(string path, string filter) => Prefix(path, $"{{type: CORS, cors: {{{filter}}}}}");
        lab.Apply(Route(
            "cors",
            Shared,
            cors("/cors-1", "allowOrigins: [\"https://www.foo.com\", \"https://*.bar.com\"], allowMethods: [GET, OPTIONS], allowHeaders: [x-header-1, x-header-2], exposeHeaders: [x-header-3, x-header-4], allowCredentials: true, maxAge: 3600")
            + cors("/cors-2", "allowOrigins: [\"https://www.foo.com\"], allowMethods: [\"*\"]")
            + cors("/wildcard-origin", "allowOrigins: [\"*\"], allowMethods: [PUT], allowCredentials: false")
            + cors("/wildcards", "allowOrigins: [\"*\"], allowMethods: [\"*\"], allowHeaders: [\"*\"], allowCredentials: true")
            + cors("/wildcards-unauth", "allowOrigins: [\"*\"], allowMethods: [\"*\"], allowHeaders: [\"*\"], allowCredentials: false")));
        await lab.Accepted("HTTPRoute", "cors");
        await lab.Expect(Shared, string.Join('\n',
        [
            .. new[] { "https://www.foo.com", "https://www.bar.com", "https://xpto.www.bar.com" }.Select(origin =>
                $"OPTIONS /cors-1 | {Asks(origin, "GET")}; access-control-request-headers: x-header-1, x-header-2 -> 200; {Allows(origin)}; has access-control-allow-methods: GET, OPTIONS; has access-control-allow-headers: x-header-1, x-header-2; has access-control-expose-headers: x-header-3, x-header-4; has access-control-max-age: 3600; has access-control-allow-credentials: true"),
            $"OPTIONS /cors-1 | {Asks("https://foobar.com", "GET")} -> 200; lacks access-control-allow-origin",
            $"GET /cors-1 | Origin: https://www.foo.com -> v1; {Allows("https://www.foo.com")}",
            $"GET /cors-1 | Origin: https://www.bar.com -> v1; {Allows("https://www.bar.com")}",
            "GET /cors-1 | Origin: https://foobar.com -> v1; lacks access-control-allow-origin",
            $"OPTIONS /cors-2 | {Asks("https://www.foo.com", "POST")} -> 200; {Allows("https://www.foo.com")}; has access-control-allow-methods: POST; lacks access-control-allow-credentials",
            $"OPTIONS /wildcard-origin | {Asks("https://foobar.com", "PUT")} -> 200; {Allows("https://foobar.com")}; has access-control-allow-methods: PUT; lacks access-control-allow-credentials",
            $"OPTIONS /wildcard-origin | {Asks("https://foobar.com:12345", "PUT")} -> 200; {Allows("https://foobar.com:12345")}; has access-control-allow-methods: PUT",
            $"PUT /wildcard-origin | Origin: https://foobar.com:12345 -> v1; {Allows("https://foobar.com:12345")}; lacks access-control-allow-credentials",
            $"OPTIONS /wildcards | {Asks("https://foobar.com", "PUT")}; access-control-request-headers: x-header-1, x-header-2 -> 200; {Allows("https://foobar.com")}; has access-control-allow-methods: PUT; has access-control-allow-headers: x-header-1, x-header-2; has access-control-allow-credentials: true",
            $"OPTIONS /wildcards-unauth | {Asks("https://foobar.com", "PUT")}; access-control-request-headers: x-header-1, x-header-2 -> 200; has access-control-allow-methods: PUT; has access-control-allow-headers: x-header-1, x-header-2; lacks access-control-allow-credentials",
            "GET /wildcards | Origin: https://foobar.com -> v1; has access-control-allow-credentials: true",
            "GET /wildcards-unauth | Origin: https://foobar.com -> v1; lacks access-control-allow-credentials",
        ]));

        static string Asks(string origin, string method) => $"Origin: {origin}; access-control-request-method: {method}";
        static string Allows(string origin) => $"has access-control-allow-origin: {origin}";
    }

    private async Task RequestHeaders(Func<string, string> rule)
    {
        string at(string path, string change) => $"{{matches: [{{path: {{value: {path}}}}}]{rule(change)}}}\n";
        lab.Apply(Route(
            "headers",
            Shared,
            at("/set", "set: [{name: X-Header-Set, value: set-overwrites-values}]")
            + at("/add", "add: [{name: X-Header-Add, value: add-appends-values}]")
            + at("/remove", "remove: [X-Header-Remove]")
            + at("/multiple", "set: [{name: X-Header-Set-1, value: header-set-1}, {name: X-Header-Set-2, value: header-set-2}], add: [{name: X-Header-Add-1, value: header-add-1}, {name: X-Header-Add-2, value: header-add-2}, {name: X-Header-Add-3, value: header-add-3}], remove: [X-Header-Remove-1, X-Header-Remove-2]")
            + at("/case-insensitivity", "set: [{name: X-Header-Set, value: header-set}], add: [{name: X-Header-Add, value: header-add}], remove: [X-Header-Remove]")));
        await lab.Accepted("HTTPRoute", "headers");
        await lab.Expect(Shared, """
            GET /set | Some-Other-Header: val -> v1; sees Some-Other-Header: val; sees X-Header-Set: set-overwrites-values
            GET /set | X-Header-Set: some-other-value -> v1; sees X-Header-Set: set-overwrites-values
            GET /add | Some-Other-Header: val -> v1; sees Some-Other-Header: val; sees X-Header-Add: add-appends-values
            GET /add | X-Header-Add: some-other-value -> v1; sees X-Header-Add: some-other-value,add-appends-values
            GET /remove | X-Header-Remove: val -> v1; misses X-Header-Remove
            GET /multiple | X-Header-Set-2: s; X-Header-Add-2: add-val-2; X-Header-Remove-2: r; Another-Header: another -> v1; sees X-Header-Set-1: header-set-1; sees X-Header-Set-2: header-set-2; sees X-Header-Add-1: header-add-1; sees X-Header-Add-2: add-val-2,header-add-2; sees X-Header-Add-3: header-add-3; sees Another-Header: another; misses X-Header-Remove-1; misses X-Header-Remove-2
            GET /case-insensitivity | x-header-set: original-val-set; x-header-add: original-val-add; x-header-remove: r -> v1; sees X-Header-Set: header-set; sees X-Header-Add: original-val-add,header-add; misses X-Header-Remove
            """);
    }

    private static string Redirecting(string path, string redirect) => Prefix(path, $"{{type: RequestRedirect, requestRedirect: {{{redirect}}}}}", "");

    private static string Request(string change) => $"{{type: RequestHeaderModifier, requestHeaderModifier: {{{change.ReplaceLineEndings(" ")}}}}}";

    private static string OneLine(string rule) => rule.ReplaceLineEndings(" ") + "\n";
}
