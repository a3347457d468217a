using System.Net;
using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Hosts, ports and sections of listeners, and server names of TLS: the conformance suite's tests of those names (GATEWAY-HTTP).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class HttpRouteHostTests(ConformanceLab lab)
{
    [Fact]
    public async Task HTTPRouteHostnameIntersection()
    {
        lab.Apply(
            GatewayOf("gw1", Listener("listener-1", "very.specific.com"), Listener("listener-2", "*.wildcard.io"), Listener("listener-3", "*.anotherwildcard.io")),
            GatewayOf("gw2", "{name: listener-1, port: 80, protocol: HTTP}"),
            Route("exact-exact", "gw1", Prefix("/s1", "", "v1"), "non.matching.com, \"*.nonmatchingwildcard.io\", very.specific.com"),
            Route("exact-wildcard", "gw1", Prefix("/s2", "", "v2"), "non.matching.com, wildcard.io, foo.wildcard.io, bar.wildcard.io, foo.bar.wildcard.io"),
            Route("wildcard-exact", "gw1", Prefix("/s3", "", "v3"), "non.matching.com, \"*.specific.com\""),
            Route("wildcard-wildcard", "gw1", Prefix("/s4", "", "v1"), "\"*.anotherwildcard.io\""),
            RouteOf("HTTPRoute", "none", "infra", "{name: gw1, namespace: infra}", Prefix("/s5", "", "v2"), "specific.but.wrong.com, wildcard.io"),
            Route("all", "gw2", $"{{backendRefs: [{To("v2")}]}}", "first.com, sub.first.com, second.com, sub.second.com"));
        await lab.Accepted("HTTPRoute", "exact-exact", "exact-wildcard", "wildcard-exact", "wildcard-wildcard", "all");
        await lab.Parents("none", "gw1: Accepted=False/NoMatchingListenerHostname ResolvedRefs");
        await lab.Listeners("gw1", """
            listener-1: HTTPRoute+GRPCRoute 2
            listener-2: HTTPRoute+GRPCRoute 1
            listener-3: HTTPRoute+GRPCRoute 1
            """);
        await lab.Expect("gw1", """
            GET very.specific.com/s1 -> v1
            GET very.specific.com:1234/s1 -> v1; host very.specific.com:1234
            GET non.matching.com/s1 -> 404
            GET foo.nonmatchingwildcard.io/s1 -> 404
            GET foo.wildcard.io/s1 -> 404
            GET very.specific.com/non-matching-prefix -> 404
            GET foo.wildcard.io/s2 -> v2
            GET bar.wildcard.io/s2 -> v2
            GET foo.bar.wildcard.io/s2 -> v2
            GET non.matching.com/s2 -> 404
            GET wildcard.io/s2 -> 404
            GET very.specific.com/s2 -> 404
            GET foo.wildcard.io/non-matching-prefix -> 404
            GET very.specific.com/s3 -> v3
            GET foo.specific.com/s3 -> 404
            GET foo.wildcard.io/s3 -> 404
            GET foo.anotherwildcard.io/s4 -> v1
            GET bar.anotherwildcard.io/s4 -> v1
            GET foo.bar.anotherwildcard.io/s4 -> v1
            GET anotherwildcard.io/s4 -> 404
            GET very.specific.com/s4 -> 404
            GET specific.but.wrong.com/s5 -> 404
            GET wildcard.io/s5 -> 404
            """);
        await lab.Expect("gw2", """
            GET first.com/ -> v2
            GET sub.first.com/ -> v2
            GET second.com/ -> v2
            GET sub.second.com/ -> v2
            GET third.com/ -> 404
            GET sub.third.com/ -> 404
            """);
    }

    [Fact]
    public async Task HTTPRouteListenerHostnameMatching()
    {
        lab.Apply(
            GatewayOf("gw1", Listener("listener-1", "bar.com"), Listener("listener-2", "foo.bar.com"), Listener("listener-3", "*.bar.com"), Listener("listener-4", "*.foo.com")),
            At("first", "v1", "listener-1"),
            At("second", "v2", "listener-2"),
            At("third", "v3", "listener-3", "listener-4"));
        await lab.Accepted("HTTPRoute", "first", "second", "third");
        await lab.Expect("gw1", """
            GET bar.com/ -> v1
            GET foo.bar.com/ -> v2
            GET baz.bar.com/ -> v3
            GET boo.bar.com/ -> v3
            GET multiple.prefixes.bar.com/ -> v3
            GET multiple.prefixes.foo.com/ -> v3
            GET foo.com/ -> 404
            GET no.matching.host/ -> 404
            """);
    }

    [Fact]
    public Task GatewayHTTPListenerIsolation() => Isolation("", "", "", "");

    [Fact]
    public Task GatewayHTTPListenerIsolationWithHostnameIntersection()
    {
        const string All = "bar.com, \"*.example.com\", \"*.foo.example.com\", abc.foo.example.com";
        return Isolation(All, All, All, All);
    }

    [Fact]
    public async Task HTTPRouteListenerPortMatching()
    {
        lab.Apply(
            GatewayOf(
                "gw1",
                Listener("listener-1", "foo.com"),
                Listener("listener-2", "foo.com", 8080),
                Listener("listener-3", "bar.com", 8080),
                Listener("listener-4", "foo.com", 8090),
                Listener("listener-5", "bar.com", 8090)),
            RouteOf("HTTPRoute", "port80", "infra", "{name: gw1, port: 80}", $"{{backendRefs: [{To("v1")}]}}"),
            RouteOf("HTTPRoute", "port8080", "infra", "{name: gw1, port: 8080}", $"{{backendRefs: [{To("v2")}]}}"),
            RouteOf("HTTPRoute", "port8090", "infra", "{name: gw1, port: 8090, sectionName: listener-4}", $"{{backendRefs: [{To("v3")}]}}"));
        await lab.Accepted("HTTPRoute", "port80", "port8080", "port8090");
        await lab.Expect("gw1", "GET foo.com/ -> v1");
        await lab.Expect("gw1", 8080, "GET foo.com:8080/ -> v2\nGET bar.com:8080/ -> v2");
        await lab.Expect("gw1", 8090, "GET foo.com:8090/ -> v3\nGET bar.com:8090/ -> 404");
    }

    [Fact]
    public async Task HTTPRouteHTTPSListener()
    {
        lab.Apply(
            Route("by-host", "with-https", $"{{backendRefs: [{To("v1")}]}}", "example.org"),
            RouteOf("HTTPRoute", "by-section", "infra", "{name: with-https, sectionName: https-with-hostname}", $"{{backendRefs: [{To("v2")}]}}"));
        await lab.Accepted("HTTPRoute", "by-host", "by-section");
        await lab.Expect(
            "with-https",
            443,
            """
            GET example.org/ -> v1
            GET unknown-example.org/ -> 404
            GET second-example.org/ -> v2
            """,
            tls: true);
    }

    [Fact]
    public async Task HTTPRouteHTTPSListenerDetectMisdirectedRequests()
    {
        string at(string name, string section, string backend, string hostnames = "") =>
            RouteOf("HTTPRoute", name, "infra", $"{{name: with-https, sectionName: {section}}}", Prefix("/detect", "", backend), hostnames);
        lab.Apply(
            at("any", "https", "v1", "example.org"),
            at("exact", "https-with-hostname", "v2"),
            at("wildcard", "https-with-wildcard-hostname", "v3"),
            at("within", "https-with-hostname-matching-wildcard", "v1"));
        await lab.Accepted("HTTPRoute", "any", "exact", "wildcard", "within");
        foreach ((string serverName, string rows) in new[]
        {
            ("example.org", "GET example.org/detect -> v1\nGET second-example.org/detect -> 421\nGET unknown-example.org/detect -> 404"),
            ("second-example.org", "GET second-example.org/detect -> v2\nGET example.org/detect -> 421\nGET unknown-example.org/detect -> 421"),
            ("third-example.wildcard.org", """
                GET third-example.wildcard.org/detect -> v3
                GET fifth-example.wildcard.org/detect -> v3
                GET fourth-example.wildcard.org/detect -> 421
                GET second-example.org/detect -> 421
                GET unknown-example.org/detect -> 421
                """),
            ("fourth-example.wildcard.org", "GET fourth-example.wildcard.org/detect -> v1\nGET fifth-example.wildcard.org/detect -> 421"),
            ("unknown-example.org", "GET example.org/detect -> v1\nGET unknown-example.org/detect -> 404"),
        })
        {
            await lab.Expect("with-https", 443, rows, HttpVersion.Version20, serverName, tls: true);
        }
    }

    private async Task Isolation(params string[] hostnames)
    {
        string[] sections = ["empty-hostname", "wildcard-example-com", "wildcard-foo-example-com", "abc-foo-example-com"];
        lab.Apply(
        [
            GatewayOf(
                "gw1",
                "{name: empty-hostname, port: 80, protocol: HTTP}",
                Listener(sections[1], "*.example.com"),
                Listener(sections[2], "*.foo.example.com"),
                Listener(sections[3], "abc.foo.example.com")),
            .. sections.Select((section, index) => RouteOf("HTTPRoute", section, "infra", $"{{name: gw1, sectionName: {section}}}", Prefix($"/{section}", ""), hostnames[index])),
        ]);
        await lab.Accepted("HTTPRoute", sections);
        string[] hosts = ["bar.com", "bar.example.com", "bar.foo.example.com", "abc.foo.example.com"];
        await lab.Expect("gw1", string.Join('\n', hosts
            .SelectMany((host, own) => sections.Select((section, index) => (Row: $"GET {host}/{section} -> {(index == own ? "v1" : "404")}", Own: index == own)))
            .OrderByDescending(row => row.Own)
            .Select(row => row.Row)));
    }

    private static string Listener(string name, string hostname, int port = 80) => $"{{name: {name}, port: {port}, protocol: HTTP, hostname: \"{hostname}\"}}";

    private static string At(string name, string backend, params string[] sections) => RouteOf(
        "HTTPRoute", name, "infra", string.Join(", ", sections.Select(section => $"{{name: gw1, sectionName: {section}}}")), $"{{backendRefs: [{To(backend)}]}}");
}
