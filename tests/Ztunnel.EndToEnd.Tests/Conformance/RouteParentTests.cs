using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Routes and the parents that do not take them: the conformance suite's tests of those names (GATEWAY-HTTP).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class RouteParentTests(ConformanceLab lab)
{
    private const string Nothing = "http: HTTPRoute+GRPCRoute 0";

    [Fact]
    public async Task HTTPRouteInvalidCrossNamespaceParentRef()
    {
        lab.Apply(RouteOf("HTTPRoute", "cross-parent", "web", "{name: same-namespace, namespace: infra}", $"{{backendRefs: [{To("web")}]}}"));
        await lab.Parents("web/cross-parent", "same-namespace: Accepted=False/NotAllowedByListeners ResolvedRefs");
        await lab.Listeners("same-namespace", Nothing);
        await lab.Expect("same-namespace", "GET / -> 404");
    }

    [Theory]
    [InlineData("HTTPRouteInvalidParentRefNotMatchingSectionName", "sectionName: http1", " sectionName http1")]
    [InlineData("HTTPRouteInvalidParentRefNotMatchingListenerPort", "port: 81", " port 81")]
    [InlineData("HTTPRouteInvalidParentRefSectionNameNotMatchingPort", "sectionName: http, port: 81", " sectionName http port 81")]
    public async Task A_parent_without_such_a_listener(string test, string where, string shown)
    {
        lab.Apply(RouteOf("HTTPRoute", test.ToLowerInvariant(), "infra", $"{{name: same-namespace, {where}}}", $"{{backendRefs: [{To("v1")}]}}"));
        await lab.Parents(test.ToLowerInvariant(), $"same-namespace{shown}: Accepted=False/NoMatchingParent ResolvedRefs");
        await lab.Listeners("same-namespace", Nothing);
        await lab.Expect("same-namespace", "GET / -> 404");
    }

    [Fact]
    public async Task GatewayWithAttachedRoutes()
    {
        const string Selected = "{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}], namespaces: {from: Selector, selector: {matchLabels: {purpose: backend}}}}}";
        string at(string name, string gateway, string backend, string hostnames = "") =>
            RouteOf("HTTPRoute", name, "web", $"{{name: {gateway}, namespace: infra}}", $"{{backendRefs: [{To(backend)}]}}", hostnames);
        lab.Apply(
            GatewayOf("gw1", Selected),
            GatewayOf("gw2", Selected.Replace("port: 80,", "port: 80, hostname: foo.com,", StringComparison.Ordinal)),
            GatewayOf("gw3", "{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: nonexistent}]}, allowedRoutes: {kinds: [{kind: HTTPRoute}], namespaces: {from: All}}}"),
            at("one", "gw1", "web"),
            at("two-a", "gw2", "web"),
            at("two-b", "gw2", "web", "foo.com"),
            at("elsewhere", "gw2", "web", "other.com"),
            at("unresolved", "gw3", "nonexistent"));
        await lab.Listeners("gw1", "http: HTTPRoute 1");
        await lab.Listeners("gw2", "http: HTTPRoute 2");
        await lab.Parents("web/elsewhere", "gw2: Accepted=False/NoMatchingListenerHostname ResolvedRefs");
        await lab.Listeners("gw3", "https: HTTPRoute 1 Programmed=False/Invalid ResolvedRefs=False/InvalidCertificateRef");
        await lab.Parents("web/unresolved", "gw3: Accepted ResolvedRefs=False/BackendNotFound");
    }

    [Fact]
    public async Task GatewayWithAttachedRoutesWithPort8080()
    {
        lab.Apply(
            GatewayOf("gw1", "{name: http-alt, port: 8080, protocol: HTTP}", "{name: http, port: 80, protocol: HTTP}"),
            RouteOf("HTTPRoute", "by-section", "infra", "{name: gw1, sectionName: http}", $"{{backendRefs: [{To("v1")}]}}"));
        await lab.Listeners("gw1", """
            http-alt: HTTPRoute+GRPCRoute 0
            http: HTTPRoute+GRPCRoute 1
            """);
        await lab.Expect("gw1", "GET / -> v1");
        await lab.Expect("gw1", 8080, "GET / -> 404");
    }
}
