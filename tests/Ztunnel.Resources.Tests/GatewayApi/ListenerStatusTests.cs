using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>What statuses say of Gateways and their listeners, as Gateway API's conformance suite asserts it.</summary>
public sealed class ListenerStatusTests
{
    private const string Pod = """
        apiVersion: v1
        kind: Pod
        metadata: {name: g-1, namespace: infra, labels: {gateway.networking.k8s.io/gateway-name: g} }
        spec: {nodeName: node-a}
        status: {podIP: 10.0.0.9}

        """;

    private const string Well = "Accepted=True/Accepted Programmed=True/Programmed";

    private static readonly TestCertificate Certificate = TestCertificate.For("a.example.com");

    [Theory]
    [InlineData("name: http, port: 80, protocol: HTTP", "", "HTTPRoute GRPCRoute")]
    [InlineData("name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}]}", "", "HTTPRoute")]
    [InlineData("name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: InvalidRoute}]}", "ResolvedRefs=False/InvalidRouteKinds", "")]
    [InlineData("name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: InvalidRoute}, {kind: HTTPRoute}]}", "ResolvedRefs=False/InvalidRouteKinds", "HTTPRoute")]
    [InlineData("name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{group: example.com, kind: HTTPRoute}]}", "ResolvedRefs=False/InvalidRouteKinds", "")]
    [InlineData("name: http, port: 80, protocol: INVALID", "Accepted=False/UnsupportedProtocol Programmed=False/Invalid", "")]
    [InlineData("name: http, port: 443, protocol: HTTPS", "Programmed=False/Invalid ResolvedRefs=False/InvalidCertificateRef", "HTTPRoute GRPCRoute")]
    [InlineData("name: http, port: 443, protocol: TLS, tls: {mode: Passthrough}", "", "TLSRoute")]
    [InlineData("name: http, port: 443, protocol: TLS", "Programmed=False/Invalid ResolvedRefs=False/InvalidCertificateRef", "TLSRoute")]
    [InlineData("name: http, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: TCPRoute}, {kind: TLSRoute}]}", "ResolvedRefs=False/InvalidRouteKinds", "TLSRoute")]
    [InlineData("name: http, port: 9000, protocol: TCP", "", "TCPRoute")]
    [InlineData("name: http, port: 9000, protocol: UDP", "Accepted=False/UnsupportedProtocol Programmed=False/Invalid", "")]
    [InlineData("name: http, port: 443, protocol: HTTPS, tls: {mode: Passthrough}", "Accepted=False/UnsupportedValue Programmed=False/Invalid", "HTTPRoute GRPCRoute")]
    public void A_listener_by_itself(string listener, string expected, string kinds)
    {
        var world = new World(Gateway("g", [listener]));

        Assert.Equal(expected, world.Listener("g", "http"));
        Assert.Equal(kinds, string.Join(' ', world.Status(ObjectKind.Gateway, "g")!.Listeners[0].SupportedKinds.Select(kind => kind.Kind)));
        Assert.Equal(0, world.AttachedRoutes("g", "http"));
    }

    [Theory]
    [InlineData("INVALID", null, "Accepted=False/ListenersNotValid Programmed=False/Invalid")]
    [InlineData("INVALID", "HTTP", "Accepted=True/ListenersNotValid Programmed=True/Programmed")]
    [InlineData("HTTP", null, Well)]
    [InlineData("HTTPS", null, "Accepted=True/Accepted Programmed=False/Invalid")]
    [InlineData("HTTPS", "HTTP", Well)]
    public void A_gateway_is_accepted_and_programmed_as_soon_as_one_listener_is(string first, string? second, string expected)
    {
        string[] listeners = [Listener("a", 8080, protocol: first), .. second is null ? Array.Empty<string>() : [Listener("b", 80, protocol: second)]];
        var world = new World(Pod, Gateway("g", listeners));

        Assert.Equal(expected, world.Conditions(ObjectKind.Gateway, "g"));
    }

    [Theory]
    [InlineData("a.com", "b.com", "HTTP", "")]
    [InlineData("a.com", null, "HTTP", "")]
    [InlineData("a.com", "a.com", "HTTP", "HostnameConflict")]
    [InlineData(null, null, "HTTP", "HostnameConflict")]
    [InlineData("a.com", "b.com", "HTTPS", "ProtocolConflict")]
    [InlineData("a.com", "b.com", "TLS", "ProtocolConflict")]
    [InlineData("a.com", "b.com", "TCP", "ProtocolConflict")]
    public void Listeners_on_one_port_that_cannot_be_told_apart_are_all_refused(string? first, string? second, string protocol, string reason)
    {
        var world = new World(Pod, Gateway("g", [Listener("one", 80, first), Listener("two", 80, second, protocol, protocol is "HTTPS" or "TLS" ? "tls: {certificateRefs: [{name: c}]}" : ""), Listener("other", 81)]), Secret("c", Certificate.Chain, Certificate.Key));
        string expected = reason.Length == 0 ? "" : $"Accepted=False/{reason} Programmed=False/{reason} Conflicted=True/{reason}";

        Assert.Equal((expected, expected, ""), (world.Listener("g", "one"), world.Listener("g", "two"), world.Listener("g", "other")));
        Assert.Equal(reason.Length == 0 ? Well : "Accepted=True/ListenersNotValid Programmed=True/Programmed", world.Conditions(ObjectKind.Gateway, "g"));
    }

    [Theory]
    [InlineData("HTTPS", "a.com", "TLS", "b.com", "")]
    [InlineData("TLS", "a.com", "TLS", "b.com", "")]
    [InlineData("HTTPS", "a.com", "TLS", "a.com", "HostnameConflict")]
    [InlineData("TCP", "a.com", "TCP", "b.com", "HostnameConflict")]
    public void What_speaks_tls_shares_a_port_by_server_name_and_tcp_with_nobody(string first, string firstHost, string second, string secondHost, string reason)
    {
        string listener(string name, string protocol, string host) => Listener(name, 443, host, protocol, protocol == "TCP" ? "" : "tls: {certificateRefs: [{name: c}]}");
        var world = new World(Pod, Gateway("g", [listener("one", first, firstHost), listener("two", second, secondHost)]), Secret("c", Certificate.Chain, Certificate.Key));
        string expected = reason.Length == 0 ? "" : $"Accepted=False/{reason} Programmed=False/{reason} Conflicted=True/{reason}";

        Assert.StartsWith(expected, world.Listener("g", "one"), StringComparison.Ordinal);
        Assert.StartsWith(expected, world.Listener("g", "two"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("*.a.com", "b.a.com", 443, true)]
    [InlineData(null, "b.a.com", 443, true)]
    [InlineData("a.com", "b.com", 443, false)]
    [InlineData("*.a.com", "b.a.com", 8443, false)]
    public void Https_listeners_with_hosts_in_common_say_so(string? first, string second, int port, bool overlap)
    {
        var world = new World(Secret("tls", Certificate.Chain, Certificate.Key), Gateway("g", [Https("one", "{name: tls}", first), Https("two", "{name: tls}", second, port), Listener("plain")]));
        string expected = overlap ? "OverlappingTLSConfig=True/OverlappingHostnames" : "";

        Assert.Equal((expected, expected, ""), (world.Listener("g", "one"), world.Listener("g", "two"), world.Listener("g", "plain")));
    }

    [Theory]
    [InlineData("{name: tls}", "", true)]
    [InlineData("{name: nonexistent}", "InvalidCertificateRef", false)]
    [InlineData("{name: tls, group: wrong.example.com}", "InvalidCertificateRef", false)]
    [InlineData("{name: tls, kind: WrongKind}", "InvalidCertificateRef", false)]
    [InlineData("{name: garbage}", "InvalidCertificateRef", false)]
    [InlineData("{name: mixed}", "InvalidCertificateRef", false)]
    [InlineData("{name: empty}", "InvalidCertificateRef", false)]
    [InlineData("{name: tls, namespace: web}", "RefNotPermitted", false)]
    [InlineData("{name: nonexistent, namespace: web}", "RefNotPermitted", false)]
    [InlineData("{name: tls}, {name: nonexistent}", "InvalidCertificateRef", true)]
    public void A_certificate_has_to_be_there_and_to_be_one(string reference, string reason, bool programmed)
    {
        var world = new World(
            Secret("tls", Certificate.Chain, Certificate.Key),
            Secret("garbage", "Hello world", "nope"),
            Secret("mixed", TestCertificate.For("other.example.com").Chain, Certificate.Key),
            Secret("empty", "", ""),
            Secret("tls", Certificate.Chain, Certificate.Key, "web"),
            Gateway("g", [Https("https", reference)]));

        string unresolved = reason.Length == 0 ? "" : $"ResolvedRefs=False/{reason}";
        Assert.Equal(programmed ? unresolved : $"Programmed=False/Invalid {unresolved}", world.Listener("g", "https"));
        Assert.Equal(programmed ? 1 : 0, world.Mesh.HttpGatewayOf(new GatewayName("infra", "g"))!.Listeners.Count);
    }

    [Theory]
    [InlineData("web", "gateway.networking.k8s.io", "Gateway", "infra", "", "Secret", "", true)]
    [InlineData("web", "gateway.networking.k8s.io", "Gateway", "infra", "", "Secret", "tls", true)]
    [InlineData("infra", "gateway.networking.k8s.io", "Gateway", "infra", "", "Secret", "tls", false)]
    [InlineData("web", "not-the-group.io", "Gateway", "infra", "", "Secret", "tls", false)]
    [InlineData("web", "gateway.networking.k8s.io", "HTTPRoute", "infra", "", "Secret", "tls", false)]
    [InlineData("web", "gateway.networking.k8s.io", "Gateway", "other", "", "Secret", "tls", false)]
    [InlineData("web", "gateway.networking.k8s.io", "Gateway", "infra", "other.io", "Secret", "tls", false)]
    [InlineData("web", "gateway.networking.k8s.io", "Gateway", "infra", "", "ConfigMap", "tls", false)]
    [InlineData("web", "gateway.networking.k8s.io", "Gateway", "infra", "", "Secret", "other", false)]
    public void A_grant_lets_a_gateway_use_another_namespaces_certificate(
        string at, string fromGroup, string fromKind, string fromNamespace, string toGroup, string toKind, string toName, bool granted)
    {
        string name = toName.Length == 0 ? "" : $", name: {toName}";
        string grant = Grant(at, $"{{group: {fromGroup}, kind: {fromKind}, namespace: {fromNamespace}}}", $"{{group: \"{toGroup}\", kind: {toKind}{name}}}");
        var world = new World(Secret("tls", Certificate.Chain, Certificate.Key, "web"), Gateway("g", [Https("https", "{name: tls, namespace: web}")]), grant);
        const string Refused = "Programmed=False/Invalid ResolvedRefs=False/RefNotPermitted";

        Assert.Equal(granted ? "" : Refused, world.Listener("g", "https"));

        world.Remove(grant);
        Assert.Equal(Refused, world.Listener("g", "https"));
    }

    [Fact]
    public void A_secret_that_changes_changes_what_is_shown_at_once()
    {
        TestCertificate other = TestCertificate.For("b.example.com");
        var world = new World(Secret("tls", Certificate.Chain, Certificate.Key), Gateway("g", [Https("https", "{name: tls}")]));
        ListenerCertificate before = Shown();
        var heard = new List<HttpGatewayChange>();
        using IDisposable observation = world.Mesh.ObserveHttpGateways(heard.Add);

        world.Put(Secret("tls", other.Chain, other.Key));
        Assert.NotEqual(before, Shown());
        world.Put(Secret("tls", Certificate.Chain, Certificate.Key));
        Assert.Equal(before, Shown());
        Assert.Equal(3, heard.Count);

        world.Remove(Secret("tls", "", ""));
        Assert.Equal("Programmed=False/Invalid ResolvedRefs=False/InvalidCertificateRef", world.Listener("g", "https"));

        ListenerCertificate Shown() => world.Mesh.HttpGatewayOf(new GatewayName("infra", "g"))!.Listeners[0].Certificates[0];
    }

    [Theory]
    [InlineData("{group: example.com, kind: Parameters, name: p}", "Accepted=False/InvalidParameters Programmed=False/Invalid")]
    [InlineData("{group: \"\", kind: ConfigMap, name: p}", Well)]
    public void Parameters_of_a_kind_nobody_knows_are_refused(string reference, string expected)
    {
        var world = new World(Pod, Gateway("g", [Listener("http")], spec: $"infrastructure: {{parametersRef: {reference}}}"));

        Assert.Equal(expected, world.Conditions(ObjectKind.Gateway, "g"));
    }

    [Theory]
    [InlineData("istio", null, true)]
    [InlineData("mine", null, false)]
    [InlineData("mine", "istio.io/gateway-controller", true)]
    [InlineData("mine", "example.com/other", false)]
    [InlineData("istio", "example.com/other", false)]
    public void Only_gateways_of_our_classes_get_a_status(string @class, string? controller, bool ours)
    {
        var world = new World(Pod, Gateway("g", [Listener("http")], @class: @class), Route("r", "{name: g}"));
        if (controller is not null)
            world.Put(Class(@class, controller));

        Assert.Equal(ours ? Well : null, world.Conditions(ObjectKind.Gateway, "g"));
        Assert.Equal(ours ? "Accepted ResolvedRefs=False/BackendNotFound" : "", world.Parents("r"));
        Assert.Equal(controller is null || !ours ? null : "Accepted=True/Accepted", world.Conditions(ObjectKind.GatewayClass, @class, ""));

        world.Remove(Gateway("g", [Listener("http")]));
        Assert.Null(world.Conditions(ObjectKind.Gateway, "g"));
        Assert.Equal("", world.Parents("r"));
        Assert.Empty(world.Mesh.HttpGateways);
    }

    [Fact]
    public void A_waypoint_has_one_listener_and_takes_no_routes()
    {
        var world = new World(
            Gateway("g", [Listener("mesh", 15008, protocol: "HBONE"), Listener("http")], @class: "istio-waypoint"), Route("r", "{name: g, sectionName: mesh}"));

        Assert.Equal(("", "Accepted=False/UnsupportedProtocol Programmed=False/Invalid"), (world.Listener("g", "mesh"), world.Listener("g", "http")));
        Assert.Equal("Accepted=False/NotAllowedByListeners ResolvedRefs=False/BackendNotFound", world.Parents("r"));
        HttpGateway served = world.Mesh.HttpGatewayOf(new GatewayName("infra", "g"))!;
        Assert.True(served.Waypoint);
        Assert.Empty(served.Listeners);
    }

    [Fact]
    public void A_name_as_long_as_a_name_may_be_does_no_harm()
    {
        string name = string.Join('.', Enumerable.Repeat(new string('a', 62), 4)) + "a";
        var world = new World(Gateway(name, [Listener("http")]));

        Assert.Equal(252, name.Length);
        Assert.Equal("Accepted=True/Accepted Programmed=False/AddressNotAssigned", world.Conditions(ObjectKind.Gateway, name));
    }

    [Fact]
    public void A_status_is_of_the_generation_that_was_judged_and_lists_the_listeners_there_are()
    {
        var world = new World(Gateway("g", [Listener("a", 80), Listener("b", 81)], metadata: "generation: 4"));
        Assert.Equal((4, 2), (world.Status(ObjectKind.Gateway, "g")!.Generation, world.Status(ObjectKind.Gateway, "g")!.Listeners.Count));

        world.Put(Gateway("g", [Listener("b", 81)], metadata: "generation: 5"));
        Assert.Equal((5, 1), (world.Status(ObjectKind.Gateway, "g")!.Generation, world.Status(ObjectKind.Gateway, "g")!.Listeners.Count));
    }
}
