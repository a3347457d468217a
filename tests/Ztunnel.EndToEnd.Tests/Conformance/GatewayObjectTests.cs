using static Ztunnel.EndToEnd.Tests.ConformanceManifests;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What becomes of Gateways themselves: the conformance suite's tests of those names (all GATEWAY profiles).</summary>
[Collection(nameof(ConformanceLab))]
public sealed class GatewayObjectTests(ConformanceLab lab)
{
    private const string Both = "HTTPRoute+GRPCRoute";
    private const string Plain = "{name: http, port: 80, protocol: HTTP}";

    [Fact]
    public async Task GatewayClassObservedGenerationBump()
    {
        string @class(int generation) => $$"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: GatewayClass
            metadata: {name: second, generation: {{generation}}}
            spec: {controllerName: istio.io/gateway-controller, description: "{{generation}}"}

            """;
        lab.Apply(@class(1));
        await lab.Generation("GatewayClass", "/second", 1);
        lab.Apply(@class(2));
        await lab.Generation("GatewayClass", "/second", 2);
    }

    [Fact]
    public async Task GatewayObservedGenerationBump()
    {
        string gateway(int generation, params string[] listeners) =>
            GatewayOf("gw1", listeners).Replace("name: gw1,", $"name: gw1, generation: {generation},", StringComparison.Ordinal);
        string route = RouteOf("HTTPRoute", "bump", "infra", "{name: gw1}", $"{{backendRefs: [{To("v1")}]}}");
        lab.Apply(gateway(1, Plain), route);
        await lab.Generation("Gateway", "gw1", 1);
        await lab.Expect("gw1", "GET / -> v1");
        lab.Apply(gateway(2, Plain, "{name: more, port: 8080, hostname: foo.com, protocol: HTTP}"), route);
        await lab.Generation("Gateway", "gw1", 2);
        await lab.Gateway("gw1", "Accepted Programmed");
        await lab.Expect("gw1", 8080, "GET foo.com/ -> v1");
    }

    [Fact]
    public async Task GatewayModifyListeners()
    {
        string https = Https("https", "hostname: secure.test.com, ");
        string route = RouteOf("HTTPRoute", "everywhere", "infra", "{name: gw1}", $"{{backendRefs: [{To("v1")}]}}");
        lab.Apply(GatewayOf("gw1", https), route);
        await lab.Listeners("gw1", $"https: {Both} 1");
        lab.Apply(GatewayOf("gw1", https, "{name: http, port: 80, hostname: data.test.com, protocol: HTTP}"), route);
        await lab.Listeners("gw1", $"https: {Both} 1\nhttp: {Both} 1");
        await lab.Expect("gw1", "GET data.test.com/ -> v1");
        await lab.Expect("gw1", 443, "GET secure.test.com/ -> v1", tls: true);
        lab.Apply(GatewayOf("gw1", https), route);
        await lab.Listeners("gw1", $"https: {Both} 1");
        await lab.Closed("gw1", 80);
        await lab.Expect("gw1", 443, "GET secure.test.com/ -> v1", tls: true);
    }

    [Theory]
    [InlineData("[{kind: InvalidRoute}]", "http: 0")]
    [InlineData("[{kind: InvalidRoute}, {kind: HTTPRoute}]", "http: HTTPRoute 0")]
    public async Task GatewayInvalidRouteKind(string kinds, string expected)
    {
        lab.Apply(GatewayOf("gw1", $"{{name: http, port: 80, protocol: HTTP, allowedRoutes: {{kinds: {kinds}}}}}"));
        await lab.Listeners("gw1", $"{expected} ResolvedRefs=False/InvalidRouteKinds");
    }

    [Theory]
    [InlineData("{name: nonexistent}")]
    [InlineData("{group: wrong.group, kind: Secret, name: certificate}")]
    [InlineData("{kind: WrongKind, name: certificate}")]
    [InlineData("{name: malformed}")]
    public async Task GatewayInvalidTLSConfiguration(string reference)
    {
        lab.Apply(
            GatewayOf("gw1", $"{{name: https, port: 443, protocol: HTTPS, allowedRoutes: {{kinds: [{{kind: HTTPRoute}}]}}, tls: {{certificateRefs: [{reference}]}}}}"),
            """
            apiVersion: v1
            kind: Secret
            metadata: {name: malformed, namespace: infra}
            type: kubernetes.io/tls
            data: {tls.crt: bm90IHBlbQ==, tls.key: bm90IHBlbQ==}

            """);
        await lab.Listeners("gw1", "https: HTTPRoute 0 Programmed=False/Invalid ResolvedRefs=False/InvalidCertificateRef");
    }

    [Fact]
    public async Task GatewayInvalidListenersUnsupportedProtocol()
    {
        const string Invalid = "{name: invalid, port: 8080, protocol: INVALID}";
        lab.Apply(GatewayOf("gw1", Invalid));
        await lab.Gateway("gw1", "Accepted=False/ListenersNotValid Programmed=False/Invalid");
        await lab.Listeners("gw1", "invalid: 0 Accepted=False/UnsupportedProtocol Programmed=False/Invalid");
        lab.Apply(GatewayOf("gw1", Invalid, Plain), Route("well", "gw1", $"{{backendRefs: [{To("v1")}]}}"));
        await lab.Gateway("gw1", "Accepted=True/ListenersNotValid Programmed");
        await lab.Listeners("gw1", $"invalid: 0 Accepted=False/UnsupportedProtocol Programmed=False/Invalid\nhttp: {Both} 1");
        await lab.Expect("gw1", "GET / -> v1");
    }

    [Fact]
    public async Task GatewayInvalidParametersRef()
    {
        lab.Apply(GatewayWith("gw1", "infrastructure: {parametersRef: {group: invalid.io, kind: Parameters, name: some}},", Plain));
        await lab.Gateway("gw1", "Accepted=False/InvalidParameters Programmed=False/Invalid");
    }

    [Theory]
    [InlineData("GatewaySecretReferenceGrantSpecific", "web", "Gateway", "infra", "Secret, name: certificate", true)]
    [InlineData("GatewaySecretReferenceGrantAllInNamespace", "web", "Gateway", "infra", "Secret", true)]
    [InlineData("GatewaySecretMissingReferenceGrant", "app", "Gateway", "infra", "Secret", false)]
    [InlineData("GatewaySecretInvalidReferenceGrant", "web", "HTTPRoute", "infra", "Secret", false)]
    [InlineData("GatewaySecretInvalidReferenceGrant", "web", "Gateway", "app", "Secret", false)]
    [InlineData("GatewaySecretInvalidReferenceGrant", "web", "Gateway", "infra", "Service", false)]
    [InlineData("GatewaySecretInvalidReferenceGrant", "web", "Gateway", "infra", "Secret, name: other", false)]
    public async Task A_certificate_of_another_namespace(string test, string at, string kind, string from, string to, bool granted)
    {
        Assert.StartsWith("GatewaySecret", test, StringComparison.Ordinal);
        lab.Apply(
            GatewayOf("gw1", "{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: certificate, namespace: web}]}}"),
            GatewayLab.Secret("certificate", "secure.test.com", "web").Replace("namespace: infra", "namespace: web", StringComparison.Ordinal),
            Grant("grant", at, $"{{group: gateway.networking.k8s.io, kind: {kind}, namespace: {from}}}", $"{{group: \"\", kind: {to}}}"),
            Route("secure", "gw1", $"{{backendRefs: [{To("v1")}]}}"));
        await lab.Listeners("gw1", granted ? $"https: {Both} 1" : $"https: {Both} 1 Programmed=False/Invalid ResolvedRefs=False/RefNotPermitted");
        if (granted)
            await lab.Expect("gw1", 443, "GET secure.test.com/ -> v1", tls: true);
        else
            await lab.Closed("gw1", 443);
    }

    [Fact]
    public async Task GatewayOptionalAddressValue()
    {
        lab.Apply(GatewayWith("gw1", "addresses: [{type: IPAddress}],", Plain));
        await lab.Gateway("gw1", "Accepted Programmed");
        await lab.Addresses("gw1", string.Join(' ', lab.Mesh.Pod("gw1").Addresses));
    }

    [Fact]
    public async Task GatewayStaticAddresses()
    {
        string usable = lab.Mesh.Pod("gw1").IPv4.ToString();
        const string Unknown = "{type: test/fake-invalid-type, value: some}, ";
        const string Unusable = "{type: IPAddress, value: 192.0.2.9}, ";
        string gateway(string addresses) => GatewayWith("gw1", $"addresses: [{addresses}{{type: IPAddress, value: {usable}}}],", Plain);
        lab.Apply(gateway(Unknown + Unusable));
        await lab.Gateway("gw1", "Accepted=False/UnsupportedAddress Programmed=False/Invalid");
        lab.Apply(gateway(Unusable));
        await lab.Gateway("gw1", "Accepted Programmed=False/AddressNotUsable");
        lab.Apply(gateway(""), Route("static", "gw1", $"{{backendRefs: [{To("v1")}]}}"));
        await lab.Gateway("gw1", "Accepted Programmed");
        await lab.Addresses("gw1", usable);
        await lab.Expect("gw1", "GET / -> v1");
    }
}
