using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>TLSRoutes: the conformance suite's tests of those names (GATEWAY-TLS, with termination and both modes on one port).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class TlsRouteTests(ConformanceLab lab)
{
    private const string FromRoutes = "{group: gateway.networking.k8s.io, kind: TLSRoute, namespace: infra}";

    [Theory]
    [InlineData("v1")]
    [InlineData("v1alpha2")]
    [InlineData("v1alpha3")]
    public async Task TLSRouteSimpleSameNamespace(string version)
    {
        lab.Apply(
            GatewayOf("gw1", Passthrough("tls", "")),
            RouteOf("TLSRoute", "simple", "infra", "{name: gw1}", "{backendRefs: [{name: v1, port: 443}]}", "abc.example.com", version));
        await lab.Accepted("TLSRoute", "simple");
        await lab.Expect("gw1", 443, "GET abc.example.com/ -> v1; sees sni: abc.example.com", tls: true);
        await lab.Rejected("gw1", 443, "other.example.com");
    }

    [Fact]
    public async Task TLSRouteTerminateSimpleSameNamespace()
    {
        lab.Apply(GatewayOf("gw1", Terminate("tls", 8443, "tls.example.com")), Route("terminated", "gw1", "v1", 80, "tls.example.com"));
        await lab.Accepted("TLSRoute", "terminated");
        await lab.Expect("gw1", 8443, "GET tls.example.com/ -> v1; misses sni", tls: true);
        await lab.Rejected("gw1", 8443, "other.example.com");
    }

    [Fact]
    public async Task TLSRouteMixedTerminationSameNamespace()
    {
        lab.Apply(
            GatewayOf("gw1", Terminate("terminates", 8883, "tls.example.com"), Passthrough("passes", "abc.example.com", 8883)),
            Route("passed", "gw1", "v1", 443, "abc.example.com"),
            Route("terminated", "gw1", "v2", 80, "tls.example.com"));
        await lab.Accepted("TLSRoute", "passed", "terminated");
        await lab.Listeners("gw1", """
            terminates: TLSRoute 1
            passes: TLSRoute 1
            """);
        await lab.Expect("gw1", 8883, "GET abc.example.com/ -> v1; sees sni: abc.example.com\nGET tls.example.com/ -> v2; misses sni", tls: true);
    }

    [Fact]
    public async Task HTTPS_and_passed_TLS_share_a_port_by_server_name()
    {
        lab.Apply(
            GatewayOf("gw1", Https("https", "hostname: secure.test.com, "), Passthrough("passes", "abc.example.com")),
            RouteOf("HTTPRoute", "answered", "infra", "{name: gw1, sectionName: https}", $"{{backendRefs: [{To("v2")}]}}"),
            Route("passed", "gw1", "v1", 443, "abc.example.com"));
        await lab.Accepted("TLSRoute", "passed");
        await lab.Accepted("HTTPRoute", "answered");
        await lab.Expect("gw1", 443, "GET abc.example.com/ -> v1; sees sni: abc.example.com\nGET secure.test.com/ -> v2; sees x-forwarded-proto: https", tls: true);
        await lab.Rejected("gw1", 443, "other.example.com");
    }

    [Fact]
    public async Task TLSRouteHostnameIntersection()
    {
        lab.Apply(
            GatewayOf("gw1", Passthrough("exact", "abc.example.com")),
            GatewayOf("gw2", Passthrough("more-specific", "*.example.com")),
            GatewayOf("gw3", Passthrough("less-specific", "*.com")),
            GatewayOf("gw4", Passthrough("empty", "")),
            Route("wider-1", "gw1", "v1", 443, "\"*.example.com\""),
            Route("exact-2", "gw2", "v1", 443, "abc.example.com"),
            Route("wider-2", "gw2", "v2", 443, "\"*.com\""),
            Route("exact-3", "gw3", "v1", 443, "abc.example.com"),
            Route("narrower-3", "gw3", "v2", 443, "\"*.example.com\""),
            Route("exact-4", "gw4", "v1", 443, "abc.example.com"),
            Route("wider-4", "gw4", "v2", 443, "\"*.com\""));
        await lab.Accepted("TLSRoute", "wider-1", "exact-2", "wider-2", "exact-3", "narrower-3", "exact-4", "wider-4");
        await lab.Expect("gw1", 443, "GET abc.example.com/ -> v1", tls: true);
        await lab.Rejected("gw1", 443, "other.example.com");
        await lab.Rejected("gw1", 443, "non.matching.com");
        foreach (string gateway in new[] { "gw2", "gw3", "gw4" })
        {
            await lab.Expect(gateway, 443, "GET abc.example.com/ -> v1\nGET other.example.com/ -> v2", tls: true);
            await lab.Rejected(gateway, 443, "non.matching.net");
        }

        await lab.Rejected("gw2", 443, "non.matching.com");
        await lab.Rejected("gw3", 443, "non.matching.com");
    }

    [Theory]
    [InlineData("TLSRouteInvalidBackendRefNonexistent", "{name: nonexistent, port: 443}", "BackendNotFound")]
    [InlineData("TLSRouteInvalidBackendRefUnknownKind", "{group: unknownkind.example.com, kind: NonExistent, name: v1, port: 443}", "InvalidKind")]
    [InlineData("TLSRouteInvalidReferenceGrant", "{name: app-v1, namespace: app, port: 443}", "RefNotPermitted")]
    public async Task A_backend_that_cannot_be_used(string test, string backend, string reason)
    {
        lab.Apply(
            GatewayOf("gw1", Passthrough("tls", "")),
            RouteOf("TLSRoute", test.ToLowerInvariant(), "infra", "{name: gw1}", $"{{backendRefs: [{backend}]}}", "abc.example.com"),
            Route("well", "gw1", "v1", 443, "well.example.com"),
            Grant("for-others", "app", FromRoutes.Replace("TLSRoute", "HTTPRoute", StringComparison.Ordinal), "{group: \"\", kind: Service}"));
        await lab.Parents(test.ToLowerInvariant(), $"gw1: Accepted ResolvedRefs=False/{reason}", "TLSRoute");
        await lab.Expect("gw1", 443, "GET well.example.com/ -> v1", tls: true);
        await lab.Rejected("gw1", 443, "abc.example.com");
    }

    [Fact]
    public async Task A_backend_in_the_mesh_is_reached_through_it()
    {
        lab.Apply(
            GatewayOf("gw1", Passthrough("tls", "")),
            RouteOf("TLSRoute", "in-mesh", "infra", "{name: gw1}", "{backendRefs: [{name: app-v1, namespace: app, port: 443}]}", "abc.example.com"),
            Grant("grant", "app", FromRoutes, "{group: \"\", kind: Service, name: app-v1}"));
        await lab.Accepted("TLSRoute", "in-mesh");
        await lab.Expect("gw1", 443, "GET abc.example.com/ -> app-v1; sees sni: abc.example.com", tls: true);
        await lab.Mesh.AccessLine("app-v1", "8443", "sa/gw1", "direction=\"inbound\"");
    }

    [Theory]
    [InlineData("abc.example.com", "v1")]
    [InlineData("tls.example.com", "v2")]
    [InlineData("secure.test.com", "v3")]
    public async Task A_hello_that_comes_in_pieces_is_understood_by_whoever_it_is_for(string serverName, string pod)
    {
        lab.Apply(
            GatewayOf("gw1", Terminate("terminates", 443, "tls.example.com"), Passthrough("passes", "abc.example.com"), Https("https", "hostname: secure.test.com, ")),
            Route("passed", "gw1", "v1", 443, "abc.example.com"),
            Route("terminated", "gw1", "v2", 80, "tls.example.com"),
            RouteOf("HTTPRoute", "answered", "infra", "{name: gw1, sectionName: https}", $"{{backendRefs: [{To("v3")}]}}"));
        await lab.Expect("gw1", 443, $"GET {serverName}/ -> {pod}", tls: true);
        using Socket socket = await PodSocket.Connect(lab.Client, lab.Mesh.Pod("gw1").IPv4, 443);
        await using var tls = new SslStream(new Piecemeal(socket), leaveInnerStreamOpen: false, (_, certificate, _, _) => certificate is not null);
        await tls.AuthenticateAsClientAsync(serverName).WaitAsync(MeshLab.Patience);
        await tls.WriteAsync(Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: {serverName}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(tls, Encoding.UTF8);
        Assert.Contains($"pod={pod}\n", await reader.ReadToEndAsync(TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience), StringComparison.Ordinal);
    }

    [Fact]
    public async Task TLSRouteInvalidNoMatchingListener()
    {
        lab.Apply(
            GatewayOf("gw1", Passthrough("tls", "")),
            GatewayOf("gw2", "{name: http, port: 80, protocol: HTTP}"),
            GatewayOf("gw3", Https("https", "")),
            Route("at-http", "gw2", "v1", 443, "tls.example.com"),
            Route("at-https", "gw3", "v1", 443, "tls.example.com"),
            RouteOf("TLSRoute", "elsewhere", "infra", "{name: gw1, sectionName: nonexistent}", "{backendRefs: [{name: v1, port: 443}]}", "tls.example.com"));
        await lab.Parents("at-http", "gw2: Accepted=False/NotAllowedByListeners ResolvedRefs", "TLSRoute");
        await lab.Parents("at-https", "gw3: Accepted=False/NotAllowedByListeners ResolvedRefs", "TLSRoute");
        await lab.Parents("elsewhere", "gw1 sectionName nonexistent: Accepted=False/NoMatchingParent ResolvedRefs", "TLSRoute");
        await lab.Listeners("gw1", "tls: TLSRoute 0");
    }

    [Fact]
    public async Task TLSRouteInvalidNoMatchingListenerHostname()
    {
        lab.Apply(GatewayOf("gw1", Passthrough("tls", "tls.example.com")), Route("elsewhere", "gw1", "v1", 443, "other.example.com"));
        await lab.Parents("elsewhere", "gw1: Accepted=False/NoMatchingListenerHostname ResolvedRefs", "TLSRoute");
        await lab.Listeners("gw1", "tls: TLSRoute 0");
    }

    [Fact]
    public async Task TLSRouteListenerSupportedKinds()
    {
        lab.Apply(
            GatewayOf("gw1", "{name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: TCPRoute}, {kind: TLSRoute}]}}"),
            GatewayOf("gw2", Terminate("tls", 8443, "terminate.example.com")));
        await lab.Listeners("gw1", "tls: TLSRoute 0 ResolvedRefs=False/InvalidRouteKinds");
        await lab.Listeners("gw2", "tls: TLSRoute 0");
    }

    [Fact]
    public async Task HTTPRouteDisallowedKind()
    {
        lab.Apply(
            GatewayOf("gw1", "{name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}, allowedRoutes: {kinds: [{kind: TLSRoute}]}}"),
            ConformanceManifests.Route("disallowed", "gw1", $"{{backendRefs: [{To("v1")}]}}"));
        await lab.Parents("disallowed", "gw1: Accepted=False/NotAllowedByListeners ResolvedRefs");
        await lab.Listeners("gw1", "tls: TLSRoute 0");
    }

    private static string Passthrough(string name, string hostname, int port = 443) =>
        $"{{name: {name}, port: {port}, protocol: TLS, {(hostname.Length == 0 ? "" : $"hostname: \"{hostname}\", ")}tls: {{mode: Passthrough}}}}";

    private static string Terminate(string name, int port, string hostname) =>
        $"{{name: {name}, port: {port}, protocol: TLS, hostname: {hostname}, tls: {{mode: Terminate, certificateRefs: [{{name: certificate}}]}}}}";

    private static string Route(string name, string gateway, string backend, int port, string hostnames) =>
        RouteOf("TLSRoute", name, "infra", $"{{name: {gateway}}}", $"{{backendRefs: [{{name: {backend}, port: {port}}}]}}", hostnames);

    /// <summary>Sends what is written byte by byte, each in a packet of its own, as long as the first hundred.</summary>
    private sealed class Piecemeal(Socket socket) : NetworkStream(socket)
    {
        private int _left = 100;

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            for (; _left > 0 && !buffer.IsEmpty; _left--)
            {
                await base.WriteAsync(buffer[..1], cancellationToken);
                buffer = buffer[1..];
                await Task.Yield();
            }

            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
