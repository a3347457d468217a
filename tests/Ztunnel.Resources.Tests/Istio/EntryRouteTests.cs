using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Entries;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Gateway API routes about ServiceEntries and to hosts.</summary>
public sealed class EntryRouteTests
{
    private const string Parent = "{group: networking.istio.io, kind: ServiceEntry, name: out}";
    private const string Spec = "addresses: [192.0.2.1], resolution: STATIC, endpoints: [{address: 198.51.100.1}]";

    private static readonly ServiceName First = new("infra", "a.com", IsHost: true);
    private static readonly ServiceName Second = new("infra", "b.com", IsHost: true);

    [Fact]
    public void A_route_whose_parent_is_an_entry_holds_for_all_its_hosts()
    {
        string route = Route("r", Parent, "{matches: [{path: {value: /x} }], backendRefs: [{group: networking.istio.io, kind: Hostname, name: a.com, port: 80}]}");
        var world = new World(route);
        Assert.Equal("Accepted=False/NoMatchingParent ResolvedRefs=False/BackendNotFound", world.Parents("r"));

        world.Put(Entry("out", "a.com, b.com", Spec, "infra"));
        Assert.Equal("Accepted ResolvedRefs", world.Parents("r"));
        Assert.Equal("r -> infra/a.com:80", world.Mesh.RoutesFor(First, 80, "anywhere")?.Ask("a.com", "/x"));
        Assert.Equal("r -> infra/a.com:80", world.Mesh.RoutesFor(Second, 80, "anywhere")?.Ask("b.com", "/x"));
        Assert.Null(world.Mesh.RoutesFor(First, 80, "anywhere")!.Ask("a.com", "/y"));

        world.Put(Entry("out", "a.com", Spec, "infra"));
        Assert.Null(world.Mesh.RoutesFor(Second, 80, "anywhere"));
        world.Remove(Entry("out", "a.com", Spec, "infra"));
        Assert.Null(world.Mesh.RoutesFor(First, 80, "anywhere"));
        Assert.Equal("Accepted=False/NoMatchingParent ResolvedRefs=False/BackendNotFound", world.Parents("r"));
    }

    [Fact]
    public void The_routes_of_a_host_are_those_of_whoever_has_it()
    {
        string older = Entry("older", "a.com", Spec, "infra", "creationTimestamp: \"2024-01-01T00:00:00Z\"");
        var world = new World(
            Entry("out", "a.com", Spec, "infra"),
            Route("r", Parent, "{backendRefs: [{group: networking.istio.io, kind: Hostname, name: a.com, port: 80}]}"),
            Route("s", "{group: networking.istio.io, kind: ServiceEntry, name: older}", "{backendRefs: [{group: networking.istio.io, kind: Hostname, name: a.com, port: 80}]}"));
        Assert.Equal("r -> infra/a.com:80", world.Mesh.RoutesFor(First, 80, "infra")?.Ask("a.com"));

        world.Put(older);
        Assert.Equal("s -> infra/a.com:80", world.Mesh.RoutesFor(First, 80, "infra")?.Ask("a.com"));
        world.Remove(older);
        Assert.Equal("r -> infra/a.com:80", world.Mesh.RoutesFor(First, 80, "infra")?.Ask("a.com"));
    }

    [Theory]
    [InlineData("name: a.com, port: 80", "r -> infra/a.com:80")]
    [InlineData("name: v1.consumer.svc.cluster.local, port: 80", "r -> consumer/v1:80")]
    [InlineData("name: a.com, port: 81", "r -> ! host a.com has no TCP port 81")]
    [InlineData("name: hidden.com, port: 80", "r -> ! no Service or ServiceEntry that namespace infra knows of has the host hidden.com")]
    [InlineData("name: a.com, port: 80, namespace: infra", "r -> ! a Hostname has no namespace (a.com)")]
    public void A_backend_may_be_a_host(string backend, string route)
    {
        var world = new World(
            Entry("out", "a.com", Spec, "elsewhere", "creationTimestamp: \"2024-01-01T00:00:00Z\""),
            Entry("mine", "a.com", Spec, "infra"),
            Entry("hidden", "hidden.com", Spec + ", exportTo: [.]", "elsewhere"),
            Manifests.Service("v1", "10.96.0.3", @namespace: "consumer"),
            Manifests.Service("web", "10.96.0.1", @namespace: "infra"),
            Route("r", "{group: \"\", kind: Service, name: web}", $"{{backendRefs: [{{group: networking.istio.io, kind: Hostname, {backend}}}]}}"));

        HttpRule rule = world.Mesh.RoutesFor(new ServiceName("infra", "web"), 80, "infra")!.Match(new HttpRequestFacts { Host = "x", Method = "GET", Path = "/" })!.Rule;
        HttpBackend chosen = rule.Choose(0)!;
        Assert.Equal(route, chosen.Fault is { } fault ? $"r -> ! {fault}" : $"r -> {chosen.Service}:{chosen.Port}");
    }
}
