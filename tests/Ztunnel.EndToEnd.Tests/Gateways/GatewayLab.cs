using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>
/// An ingress gateway at the edge of the mesh, a waypoint for the service <c>walled</c>, web servers v1 and v2 in the mesh and
/// one outside, each on real nodes with real agents.
/// </summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by xunit.")]
public sealed class GatewayLab : IAsyncLifetime
{
    private readonly List<Backend> _backends = [];
    private MeshLab? _mesh;

    internal MeshLab Mesh => _mesh!;

    internal GatewayAgent Ingress { get; private set; } = null!;

    internal GatewayAgent Waypoint { get; private set; } = null!;

    internal string Edge => Mesh.Pod("gateway").IPv4.ToString();

    internal LabPod Stranger => Mesh.Pod("stranger");

    internal LabPod Client => Mesh.Pod("client");

    public async ValueTask InitializeAsync()
    {
        _mesh = await MeshLab.Start(
            lab =>
            {
                lab.Node("a").Pod("gateway", "infra").Pod("client").Pod("waypoint").Pod("stranger", "outside");
                lab.Node("b").Pod("v1").Pod("v2").Pod("v3").Pod("v4").Pod("plain", "outside");
            },
            Manifests,
            waitFor: pod => pod.Name is "client" or "v1" or "v2" or "v3" or "v4");
        foreach (string name in new[] { "v1", "v2", "v3", "v4", "plain" })
            _backends.Add(await Backend.Start(Mesh.Pod(name)));
        Ingress = await Mesh.StartGateway(Mesh.Pod("gateway"), "edge");
        Waypoint = await Mesh.StartGateway(Mesh.Pod("waypoint"), "waypoint");
        await MeshLab.Eventually("the gateway to serve", async () => (await Curl("-H", "Host: web.test", $"http://{Edge}/")).ExitCode == 0);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (Backend backend in _backends)
            await backend.DisposeAsync();
        if (_mesh is not null)
            await _mesh.DisposeAsync();
    }

    /// <summary>Runs curl outside the mesh.</summary>
    internal Task<ProcessResult> Curl(params string[] arguments) => Stranger.Exec("curl", ["-sS", "--max-time", "15", .. arguments]);

    /// <summary>Runs curl in a pod of the mesh.</summary>
    internal Task<ProcessResult> CurlInMesh(params string[] arguments) => Client.Exec("curl", ["-sS", "--max-time", "15", .. arguments]);

    /// <summary>A TLS Secret with a certificate that names itself after a host.</summary>
    internal static string Secret(string name, string host, string serial)
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}, O={serial}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName(host);
        request.CertificateExtensions.Add(names.Build());
        using X509Certificate2 certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        string Base64(string pem) => Convert.ToBase64String(System.Text.Encoding.ASCII.GetBytes(pem));
        return $$"""
            apiVersion: v1
            kind: Secret
            metadata: {name: {{name}}, namespace: infra}
            type: kubernetes.io/tls
            data: {tls.crt: {{Base64(certificate.ExportCertificatePem())}}, tls.key: {{Base64(key.ExportPkcs8PrivateKeyPem())}}}

            """;
    }

    private static string Manifests(LabNetwork network)
    {
        string ip(string pod) => network.Pod(pod).IPv4.ToString();
        return Yaml.Join(
        [
            Yaml.Namespace("default", ambient: true),
            Yaml.Namespace("infra", ambient: false),
            Yaml.Namespace("outside", ambient: false),
            .. network.Pods.Select(Pod),
            Service("both", "", "http", "8080", ip("v1"), ip("v2")),
            Service("first", "", "http", "8080", ip("v1")),
            Service("second", "", "http", "8080", ip("v2")),
            Service("rpc", "", "grpc", "8081", ip("v1")),
            Service("walled", "istio.io/use-waypoint: waypoint, istio.io/ingress-use-waypoint: \"true\"", "http", "8080", ip("v3")),
            Service("unrouted", "istio.io/use-waypoint: waypoint", "http", "8080", ip("v4")),
            Service("raw", "istio.io/use-waypoint: waypoint", "tcp", "7000", ip("v4")),
            Service("unsaid", "istio.io/use-waypoint: waypoint", "any", "7001", ip("v4")),
            Service("empty", "", "http", "8080"),
            Service("deaf", "", "http", "9", ip("v1")),
            Service("elsewhere", "", "http", "8080", ip("plain")).Replace("namespace: default", "namespace: outside", StringComparison.Ordinal),
            Service("front", "", "http", "8000", ip("gateway")).Replace("namespace: default", "namespace: infra", StringComparison.Ordinal),
            Yaml.GatewayClass("istio", "gateway-controller"),
            Yaml.GatewayClass("istio-waypoint", "mesh-controller"),
            Documents.Replace("WAYPOINT", ip("waypoint"), StringComparison.Ordinal),
            Secret("cert-a", "a.test", "one"),
            Secret("cert-b", "b.test", "one"),
        ]);
    }

    private static int _address = 10;

    private static string Service(string name, string labels, string portName, string target, params string[] endpoints)
    {
        string ip = $"10.96.7.{Interlocked.Increment(ref _address).ToString(CultureInfo.InvariantCulture)}";
        Addresses[name] = ip;
        string served = string.Join(", ", endpoints.Select(address => $"{{addresses: [{address}], conditions: {{ready: true}}}}"));
        return $$$"""
            apiVersion: v1
            kind: Service
            metadata: {name: {{{name}}}, namespace: default, labels: { {{{labels}}} }}
            spec:
              clusterIP: {{{ip}}}
              clusterIPs: [{{{ip}}}]
              ports: [{name: {{{portName}}}, port: 80, targetPort: {{{target}}}}]
            ---
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: {{{name}}}-1, namespace: default, labels: {kubernetes.io/service-name: {{{name}}}}}
            addressType: IPv4
            ports: [{name: {{{portName}}}, port: {{{target}}}}]
            endpoints: [{{{served}}}]

            """;
    }

    /// <summary>The virtual address of each service.</summary>
    internal static System.Collections.Concurrent.ConcurrentDictionary<string, string> Addresses { get; } = new(StringComparer.Ordinal);

    private static string Pod(LabPod pod) => pod.Name switch
    {
        "gateway" => Yaml.Pod(pod, "{istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: edge}"),
        "waypoint" => Yaml.Pod(pod, "{istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: waypoint}"),
        _ => Yaml.Pod(pod),
    };

    private const string Documents = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: edge, namespace: infra}
        spec:
          gatewayClassName: istio
          listeners:
          - {name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
          - {name: only, port: 80, protocol: HTTP, hostname: only.test, allowedRoutes: {namespaces: {from: All}}}
          - {name: tls-a, port: 443, protocol: HTTPS, hostname: a.test, tls: {certificateRefs: [{name: cert-a}]}, allowedRoutes: {namespaces: {from: All}}}
          - {name: tls-b, port: 443, protocol: HTTPS, hostname: b.test, tls: {certificateRefs: [{name: cert-b}]}, allowedRoutes: {namespaces: {from: All}}}
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: bound, namespace: infra}
        spec:
          gatewayClassName: istio
          addresses: [{type: Hostname, value: front.infra.svc.cluster.local}]
          listeners: [{name: http, port: 80, hostname: front.test, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: bound, namespace: default}
        spec:
          parentRefs: [{name: bound, namespace: infra}]
          rules: [{backendRefs: [{name: first, port: 80}]}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: waypoint, namespace: default, labels: {istio.io/waypoint-for: all}}
        spec:
          gatewayClassName: istio-waypoint
          listeners: [{name: mesh, port: 15008, protocol: HBONE}]
        status:
          addresses: [{type: IPAddress, value: WAYPOINT}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: web, namespace: default}
        spec:
          parentRefs: [{name: edge, namespace: infra}]
          hostnames: [web.test, a.test, b.test]
          rules:
          - matches: [{path: {type: PathPrefix, value: /canary}}]
            backendRefs: [{name: first, port: 80, weight: 9}, {name: second, port: 80, weight: 1}]
          - matches: [{path: {type: PathPrefix, value: /moved}}]
            filters: [{type: RequestRedirect, requestRedirect: {hostname: new.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /there}, statusCode: 301}}]
          - matches: [{path: {type: PathPrefix, value: /rewritten}}]
            filters:
            - {type: URLRewrite, urlRewrite: {hostname: inner.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /deep}}}
            - {type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: s}], add: [{name: x-add, value: a}], remove: [x-gone]}}
            - {type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-back, value: r}], remove: [x-from]}}
            backendRefs: [{name: first, port: 80}]
          - matches: [{path: {type: PathPrefix, value: /empty}}]
            backendRefs: [{name: empty, port: 80}]
          - matches: [{path: {type: PathPrefix, value: /deaf}}]
            backendRefs: [{name: deaf, port: 80}]
          - matches: [{path: {type: PathPrefix, value: /missing}}]
            backendRefs: [{name: nowhere, port: 80}]
          - matches: [{path: {type: PathPrefix, value: /slow}}]
            timeouts: {request: 500ms}
            backendRefs: [{name: first, port: 80}]
          - matches: [{path: {type: PathPrefix, value: /walled}}]
            filters: [{type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /}}}]
            backendRefs: [{name: walled, port: 80}]
          - matches: [{path: {type: PathPrefix, value: /trailers}}, {path: {type: PathPrefix, value: /duplex}}, {path: {type: PathPrefix, value: /unwanted}}]
            backendRefs: [{name: rpc, port: 80}]
          - matches: [{path: {type: PathPrefix, value: /cors}}]
            filters: [{type: CORS, cors: {allowOrigins: ["https://ok.test"], allowMethods: [GET, PUT], maxAge: 7}}]
            backendRefs: [{name: first, port: 80}]
          - backendRefs: [{name: both, port: 80}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: only, namespace: default}
        spec:
          parentRefs: [{name: edge, namespace: infra, sectionName: only}]
          rules: [{matches: [{path: {value: /only}}], backendRefs: [{name: first, port: 80}]}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: outside, namespace: outside}
        spec:
          parentRefs: [{name: edge, namespace: infra}]
          hostnames: [plain.test]
          rules: [{backendRefs: [{name: elsewhere, port: 80}]}]
        ---
        apiVersion: gateway.networking.k8s.io/v1
        kind: HTTPRoute
        metadata: {name: walled, namespace: default}
        spec:
          parentRefs: [{kind: Service, group: "", name: walled, port: 80}]
          rules:
          - matches: [{path: {type: PathPrefix, value: /status}}, {path: {type: PathPrefix, value: /headers}}]
            backendRefs: [{name: walled, port: 80}]

        """;
}

/// <summary>The tests that share a <see cref="GatewayLab"/>.</summary>
[CollectionDefinition(nameof(GatewayLab))]
public sealed class GatewayTestGroup : ICollectionFixture<GatewayLab>;
