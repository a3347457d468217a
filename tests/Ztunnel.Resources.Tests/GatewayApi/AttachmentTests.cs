using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Which routes attach to which listeners, for which hosts, and what statuses say of it.</summary>
public sealed class AttachmentTests
{
    private const string Denied = "Accepted=False/";

    private static readonly string[] Backends = [Manifests.Service("web", "10.96.0.1", @namespace: "infra"), Manifests.Service("web", "10.96.0.2", @namespace: "web")];

    [Theory]
    [InlineData("{name: g}", "a b", "")]
    [InlineData("{name: g, sectionName: a}", "a", "")]
    [InlineData("{name: g, port: 80}", "a", "")]
    [InlineData("{name: g, port: 81}", "b", "")]
    [InlineData("{name: g, port: 80, sectionName: a}", "a", "")]
    [InlineData("{name: g, port: 80, sectionName: b}", "", "NoMatchingParent")]
    [InlineData("{name: g, port: 82}", "", "NoMatchingParent")]
    [InlineData("{name: g, sectionName: c}", "", "NoMatchingParent")]
    [InlineData("{group: gateway.networking.k8s.io, kind: Gateway, name: g, namespace: infra}", "a b", "")]
    public void By_section_and_port(string parent, string attached, string refusal)
    {
        var world = new World([.. Backends, Gateway("g", [Listener("a", 80), Listener("b", 81)]), Route("r", parent)]);

        Assert.Equal(attached, string.Join(' ', new[] { "a", "b" }.Where(listener => world.AttachedRoutes("g", listener) == 1)));
        Assert.Equal(refusal.Length == 0 ? "Accepted ResolvedRefs" : $"{Denied}{refusal} ResolvedRefs", world.Parents("r"));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("allowedRoutes: {namespaces: {from: Same}}", false)]
    [InlineData("allowedRoutes: {namespaces: {from: All}}", true)]
    [InlineData("allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: web}}}}", true)]
    [InlineData("allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: blue}}}}", false)]
    [InlineData("allowedRoutes: {namespaces: {from: None}}", false)]
    [InlineData("allowedRoutes: {namespaces: {from: All}, kinds: [{kind: GRPCRoute}]}", false)]
    public void By_the_listeners_leave(string allowed, bool attaches)
    {
        var world = new World([.. Backends, Manifests.Namespace("web", null), Gateway("g", [Listener("http", also: allowed)]), Route("r", "{name: g, namespace: infra}", @namespace: "web")]);

        Assert.Equal(attaches ? "Accepted ResolvedRefs" : $"{Denied}NotAllowedByListeners ResolvedRefs", world.Parents("r", @namespace: "web"));
        Assert.Equal(attaches ? 1 : 0, world.AttachedRoutes("g", "http"));
        Assert.Equal(attaches ? "r -> web/web:80" : null, world.Ask("g", "a.com"));
    }

    [Fact]
    public void A_namespace_that_gets_the_label_lets_its_routes_in_and_out_again()
    {
        string label(string team) => Manifests.Namespace("web", null).Replace("labels: {", $"labels: {{team: {team}", StringComparison.Ordinal);
        var world = new World([.. Backends, label("red"), Gateway("g", [Listener("http", also: "allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {team: blue}}}}")]), Route("r", "{name: g, namespace: infra}", @namespace: "web")]);
        Assert.Null(world.Ask("g", "a.com"));

        world.Put(label("blue"));
        Assert.Equal("r -> web/web:80", world.Ask("g", "a.com"));

        world.Put(label("red"));
        Assert.Null(world.Ask("g", "a.com"));
    }

    [Theory]
    [InlineData("very.specific.com", "", "very.specific.com")]
    [InlineData("very.specific.com", "very.specific.com, non.matching.com", "very.specific.com")]
    [InlineData("very.specific.com", "\"*.specific.com\"", "very.specific.com")]
    [InlineData("*.wildcard.io", "foo.wildcard.io, bar.wildcard.io, foo.bar.wildcard.io, non.matching.com, wildcard.io", "foo.wildcard.io bar.wildcard.io foo.bar.wildcard.io")]
    [InlineData("*.anotherwildcard.io", "\"*.anotherwildcard.io\"", "one.anotherwildcard.io two.three.anotherwildcard.io")]
    [InlineData("*.foo.example.com", "\"*.example.com\"", "a.foo.example.com")]
    [InlineData("*.example.com", "specific.but.wrong.com, \"*.wildcard.io\", example.com", null)]
    [InlineData(null, "a.com", "a.com")]
    public void By_the_hosts_they_have_in_common(string? listener, string hostnames, string? reached)
    {
        var world = new World([.. Backends, Gateway("g", [Listener("http", 80, listener)]), Route("r", "{name: g}", hostnames: hostnames)]);

        Assert.Equal(reached is null ? $"{Denied}NoMatchingListenerHostname ResolvedRefs" : "Accepted ResolvedRefs", world.Parents("r"));
        Assert.Equal(reached is null ? 0 : 1, world.AttachedRoutes("g", "http"));
        foreach (string host in (reached ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            Assert.Equal("r -> infra/web:80", world.Ask("g", host));
        foreach (string host in new[] { "non.matching.com", "wildcard.io", "anotherwildcard.io", "other.example.com" })
            Assert.Null(world.Ask("g", host));
    }

    [Theory]
    [InlineData("bar.com", "/empty-hostname", "empty")]
    [InlineData("bar.example.com", "/wildcard-example-com", "wildcard")]
    [InlineData("bar.example.com", "/empty-hostname", null)]
    [InlineData("bar.foo.example.com", "/wildcard-foo-example-com", "wildcard-foo")]
    [InlineData("bar.foo.example.com", "/wildcard-example-com", null)]
    [InlineData("abc.foo.example.com", "/abc-foo-example-com", "abc")]
    [InlineData("abc.foo.example.com", "/wildcard-foo-example-com", null)]
    [InlineData("abc.foo.example.com", "/empty-hostname", null)]
    public void A_request_reaches_only_the_most_specific_listeners_routes(string host, string path, string? expected)
    {
        (string Name, string? Hostname, string Path)[] listeners =
        [
            ("empty", null, "/empty-hostname"),
            ("wildcard", "*.example.com", "/wildcard-example-com"),
            ("wildcard-foo", "*.foo.example.com", "/wildcard-foo-example-com"),
            ("abc", "abc.foo.example.com", "/abc-foo-example-com"),
        ];
        var world = new World([.. Backends, Gateway("g", [.. listeners.Select(listener => Listener(listener.Name, 80, listener.Hostname))])]);
        foreach ((string name, _, string prefix) in listeners)
            world.Put(Route(name, $"{{name: g, sectionName: {name}}}", $"{{matches: [{{path: {{value: {prefix} }} }}], backendRefs: [{{name: web, port: 80}}]}}"));

        Assert.Equal(expected is null ? null : $"{expected} -> infra/web:80", world.Ask("g", host, path));
    }

    [Fact]
    public void Each_parent_is_judged_by_itself_and_named_as_the_route_names_it()
    {
        var world = new World([.. Backends, Gateway("g", [Listener("http")]), Gateway("h", [Listener("http")]), Route("r", "{name: g}, {name: missing}, {name: h, sectionName: nowhere, namespace: infra}")]);

        Assert.Equal($"Accepted ResolvedRefs; {Denied}NoMatchingParent ResolvedRefs", world.Parents("r"));
        Assert.Equal(
            [new ParentReference { Name = "g" }, new ParentReference { Name = "h", SectionName = "nowhere", Namespace = "infra" }],
            world.Status(ObjectKind.HttpRoute, "r")!.Parents.Select(parent => parent.Parent));
        Assert.All(world.Status(ObjectKind.HttpRoute, "r")!.Parents, parent => Assert.Equal("istio.io/gateway-controller", parent.ControllerName));

        world.Put(Gateway("missing", [Listener("http")]));
        Assert.Equal($"Accepted ResolvedRefs; Accepted ResolvedRefs; {Denied}NoMatchingParent ResolvedRefs", world.Parents("r"));

        world.Put(Route("r", "{name: h}"));
        Assert.Equal("Accepted ResolvedRefs", world.Parents("r"));
        Assert.Equal((0, 1, 0), (world.AttachedRoutes("g", "http"), world.AttachedRoutes("h", "http"), world.AttachedRoutes("missing", "http")));
    }

    [Fact]
    public void A_route_attaches_to_a_listener_that_cannot_be_served_and_counts_although_its_backend_is_missing()
    {
        var world = new World(Gateway("g", [Https("https", "{name: missing}")]), Route("r", "{name: g}"));

        Assert.Equal(1, world.AttachedRoutes("g", "https"));
        Assert.Equal("Accepted ResolvedRefs=False/BackendNotFound", world.Parents("r"));
        Assert.Empty(world.Mesh.HttpGatewayOf(new GatewayName("infra", "g"))!.Listeners);
    }

    [Theory]
    [InlineData(1, 2, "", "", "http")]
    [InlineData(2, 1, "", "", "grpc")]
    [InlineData(1, 1, "", "", "grpc")]
    [InlineData(1, 2, "a.com", "\"*.com\"", "http")]
    [InlineData(2, 1, "a.com", "b.com", "both")]
    public void Of_http_and_grpc_routes_for_the_same_hosts_the_older_is_accepted(int http, int grpc, string httpHosts, string grpcHosts, string accepted)
    {
        var world = new World([
            .. Backends,
            Gateway("g", [Listener("http")]),
            Route("h", "{name: g}", hostnames: httpHosts, metadata: $"creationTimestamp: \"2026-01-0{http}T00:00:00Z\""),
            GrpcRoute("a", "{name: g}", hostnames: grpcHosts, metadata: $"creationTimestamp: \"2026-01-0{grpc}T00:00:00Z\""),
        ]);

        Assert.Equal(accepted is "http" or "both" ? "Accepted ResolvedRefs" : $"{Denied}Conflicted ResolvedRefs", world.Parents("h"));
        Assert.Equal(accepted is "grpc" or "both" ? "Accepted ResolvedRefs" : $"{Denied}Conflicted ResolvedRefs", world.Parents("a", ObjectKind.GrpcRoute));
        Assert.Equal(accepted is "both" ? 2 : 1, world.AttachedRoutes("g", "http"));
    }
}
