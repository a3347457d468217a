using System.Text.Json;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>The guides of <c>deploy/walkthroughs</c>, followed to the letter: their objects as written, and what they say one will see.</summary>
public sealed class WalkthroughTests
{
    private const string Httpbin = "Host:httpbin.aliyun.com";

    private static readonly string HttpbinService = Yaml.Service("httpbin", "default", "{app: httpbin}", 8000, "8080", "10.96.0.20");

    private static readonly string IngressService = """
        apiVersion: v1
        kind: Service
        metadata: {name: istio-ingressgateway, namespace: istio-system}
        spec:
          clusterIP: 10.96.0.80
          selector: {istio: ingressgateway}
          ports: [{name: http2, port: 80, targetPort: 80}, {name: https, port: 443, targetPort: 443}]

        """;

    [Fact]
    public async Task Gateway_api_on_asm_an_ingress_gateway_then_a_waypoint_that_denies_a_path()
    {
        await using WalkthroughLab lab = await WalkthroughLab.Start(
            builder =>
            {
                builder.Node("a").Pod("curl", "outside").Pod("ingress", "istio-system");
                builder.Node("b").Pod("httpbin").Pod("waypoint");
            },
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["ingress"] = "app: istio-ingressgateway-service-account, istio: ingressgateway",
                ["waypoint"] = "app: httpbin-istio-waypoint, gateway.networking.k8s.io/gateway-name: httpbin",
            },
            Yaml.Namespace("default", ambient: true),
            Yaml.Namespace("istio-system", ambient: false),
            Yaml.Namespace("outside", ambient: false),
            HttpbinService,
            IngressService,
            Yaml.Service("httpbin-istio-waypoint", "default", "{app: httpbin-istio-waypoint}", 15008, "15008", "10.96.0.81"));
        LabPod curl = lab.Pod("curl");
        string gateway = $"http://{lab.Pod("ingress").IPv4}:80";

        lab.Apply("asm-gateway-api/1-gateway.yaml");
        lab.Apply("asm-gateway-api/2-route.yaml");
        await WalkthroughLab.Curl(curl, ["-=[ teapot ]=-"], $"-H{Httpbin}", $"{gateway}/status/418");

        lab.Apply("asm-gateway-api/3-waypoint.yaml");
        lab.Apply("asm-gateway-api/4-policy.yaml");
        Assert.Equal("RBAC: access denied", await WalkthroughLab.Curl(curl, ["RBAC: access denied"], $"-H{Httpbin}", $"{gateway}/status/418"));
        await WalkthroughLab.Curl(
            curl,
            ["HTTP/1.1 200 OK", "server: istio-envoy", "content-type: application/json", "access-control-allow-origin: *", "x-envoy-upstream-service-time: "],
            $"-H{Httpbin}", $"{gateway}/headers", "-I");
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 404 Not Found"], "-i", "-HHost:elsewhere.example", $"{gateway}/headers");
    }

    [Fact]
    public async Task Routing_rules_on_asm_over_http_and_over_https_with_a_certificate_of_a_secret()
    {
        await using WalkthroughLab lab = await WalkthroughLab.Start(
            builder =>
            {
                builder.Node("a").Pod("curl", "outside").Pod("ingress", "istio-system");
                builder.Node("b").Pod("httpbin");
            },
            new Dictionary<string, string>(StringComparer.Ordinal) { ["ingress"] = "app: istio-ingressgateway-service-account, istio: ingressgateway" },
            Yaml.Namespace("default", ambient: true),
            Yaml.Namespace("istio-system", ambient: false),
            Yaml.Namespace("outside", ambient: false),
            WalkthroughLab.CertificateSecret("myexample-credential", "istio-system", "a.aliyun.com"),
            HttpbinService,
            IngressService);
        LabPod curl = lab.Pod("curl");
        string ingress = $"{lab.Pod("ingress").IPv4}";

        lab.Apply("asm-https/gateway-http.yaml");
        await WalkthroughLab.Curl(
            curl,
            ["HTTP/1.1 200 OK", "server: istio-envoy", "access-control-allow-credentials: true", "x-envoy-upstream-service-time: "],
            "-I", $"-H{Httpbin}", $"http://{ingress}:80/get");
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 404 Not Found"], "-I", $"-H{Httpbin}", $"http://{ingress}:80/headers");

        lab.Apply("asm-https/gateway-https.yaml");
        await WalkthroughLab.Curl(
            curl, ["-=[ teapot ]=-"], "-k", "-HHost: a.aliyun.com", "--resolve", $"a.aliyun.com:443:{ingress}", "https://a.aliyun.com/status/418");
        await WalkthroughLab.Curl(
            curl, ["subject: CN=a.aliyun.com", "HTTP/2 404"], "-k", "-v", "--stderr", "-", "--resolve", $"a.aliyun.com:443:{ingress}", "https://a.aliyun.com/get");
    }

    [Fact]
    public async Task Ambient_ingress_through_the_services_waypoint_which_serves_some_paths_only()
    {
        await using WalkthroughLab lab = await WalkthroughLab.Start(
            builder =>
            {
                builder.Node("a").Pod("curl", "curl").Pod("gateway", "httpbin");
                builder.Node("b").Pod("httpbin", "httpbin").Pod("waypoint", "httpbin");
            },
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["gateway"] = "app: httpbin-gateway-istio, gateway.networking.k8s.io/gateway-name: httpbin-gateway",
                ["waypoint"] = "app: httpbin-waypoint, gateway.networking.k8s.io/gateway-name: httpbin-waypoint",
            },
            // The guide's labels of namespace and service.
            """
            apiVersion: v1
            kind: Namespace
            metadata:
              name: httpbin
              labels: {istio-discovery: enabled, istio.io/dataplane-mode: ambient, istio.io/use-waypoint: httpbin-waypoint}

            """,
            Yaml.Namespace("curl", ambient: true),
            Yaml.Service("httpbin", "httpbin", "{app: httpbin}", 8000, "8080", "10.96.0.20")
                .Replace("metadata:\n", "metadata:\n  labels: {istio.io/ingress-use-waypoint: \"true\"}\n", StringComparison.Ordinal),
            Yaml.Service("httpbin-waypoint", "httpbin", "{app: httpbin-waypoint}", 15008, "15008", "10.96.0.81"),
            Yaml.Service("httpbin-gateway-istio", "httpbin", "{app: httpbin-gateway-istio}", 80, "80", "10.96.0.82"));
        LabPod curl = lab.Pod("curl");
        foreach (string file in new[] { "httpbin-waypoint", "httpbin-gw", "httpbin-ingress-hr", "httpbin-waypoint-hr" })
            lab.Apply($"ambient-ingress/{file}.yaml");

        // In the guide by the name of the gateway's service; there is no DNS server in the lab.
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 200 OK", "server: istio-envoy"], "-I", "-HHost:httpbin.example.com", "http://10.96.0.82/headers");
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 404 Not Found", "server: istio-envoy"], "-I", "-HHost:httpbin.example.com", "http://10.96.0.82/get");
        // From inside the mesh the same routes hold.
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 200 OK", "server: istio-envoy"], "-I", "http://10.96.0.20:8000/headers");
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 404 Not Found", "server: istio-envoy"], "-I", "http://10.96.0.20:8000/get");
    }

    [Fact]
    public async Task Zero_trust_on_asm_mutual_tls_everywhere_then_only_tokens_of_one_issuer_by_one_principal()
    {
        await using WalkthroughLab lab = await WalkthroughLab.Start(
            builder =>
            {
                builder.Node("a").Pod("curl", "outside").Pod("gateway", "istio-system");
                builder.Node("b").Pod("httpbin");
            },
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["gateway"] = "app: prod-gateway-istio, gateway.networking.k8s.io/gateway-name: prod-gateway",
            },
            Yaml.Namespace("default", ambient: true),
            Yaml.Namespace("istio-system", ambient: false),
            Yaml.Namespace("outside", ambient: false),
            HttpbinService,
            """
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: httpbin, namespace: default}
            spec:
              parentRefs: [{name: prod-gateway, namespace: istio-system}]
              rules: [{backendRefs: [{name: httpbin, port: 8000}]}]

            """);
        LabPod curl = lab.Pod("curl");
        string gateway = $"http://{lab.Pod("gateway").IPv4}/headers", direct = $"http://{lab.Pod("httpbin").IPv4}:8080/headers";
        lab.Apply("asm-mesh/gateway.yaml");
        lab.Apply("asm-mesh/telemetry.yaml");
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 200 OK"], "-i", gateway);
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 200 OK"], "-i", direct);

        // In the mesh's root namespace, so it holds for all of it.
        lab.Apply("asm-mesh/strict.yaml");
        await WalkthroughLab.Curl(curl, ["reset by peer"], "-i", "--stderr", "-", direct);
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 200 OK"], "-i", gateway);

        lab.Apply("asm-mesh/gateway-auth.yaml");
        await WalkthroughLab.Curl(curl, ["HTTP/1.1 403 Forbidden", "RBAC: access denied"], "-i", gateway);
    }

    [Fact]
    public async Task An_external_service_is_registered_with_its_circuit_breaker_and_reached_directly_and_through_a_waypoint()
    {
        var names = new NameTable();
        await using WalkthroughLab lab = await WalkthroughLab.Start(
            names,
            builder =>
            {
                builder.Node("a").Pod("curl").Pod("waypoint");
                builder.Node("b").Pod("api", "outside");
            },
            new Dictionary<string, string>(StringComparer.Ordinal) { ["waypoint"] = "app: waypoint, gateway.networking.k8s.io/gateway-name: waypoint" },
            Yaml.Namespace("default", ambient: true),
            Yaml.Namespace("outside", ambient: false),
            Yaml.Service("waypoint", "default", "{app: waypoint}", 15008, "15008", "10.96.0.81"));
        LabPod curl = lab.Pod("curl"), api = lab.Pod("api");
        names.Add("api.external.com", api.IPv4);
        string certificate = Path.GetTempFileName();
        await File.WriteAllTextAsync(certificate, WalkthroughLab.CertificatePem("api.external.com"), TestContext.Current.CancellationToken);
        LabProcess server = await api.Start("openssl", "s_server", "-accept", "443", "-cert", certificate, "-www", "-quiet");
        await api.WaitUntilListening(443, server, cancellationToken: TestContext.Current.CancellationToken);
        File.Delete(certificate);

        lab.Apply("asm-mesh/external.yaml");
        // There is no DNS server in the lab, and nodes answer no DNS yet: the address that stands for the host is asked for.
        string address = await AddressOf("api.external.com");
        string[] ask = ["-k", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", $"api.external.com:443:{address}", "https://api.external.com/"];
        await WalkthroughLab.Curl(curl, ["200"], ask);
        await lab.Mesh.AccessLine("direction=\"outbound\"", $"dst.addr={api.IPv4}:443", "dst.service=\"api.external.com\"");

        JsonElement dump = await NodeDiagnostics.Dump(lab.Mesh.Network.Node("a"));
        Assert.Equal("Accepted=True", StatusOf("ServiceEntry", "istio-system/external-svc-se"));
        Assert.Equal("Accepted=True", StatusOf("DestinationRule", "istio-system/external-svc-dr"));
        Assert.Equal(0, dump.GetProperty("resources").GetProperty("problems").GetArrayLength());

        lab.Apply("asm-mesh/waypoint.yaml");
        lab.Mesh.Manifests.Write("system.yaml", """
            apiVersion: v1
            kind: Namespace
            metadata: {name: istio-system, labels: {istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: default}}
            """);
        await MeshLab.Eventually("a connection through the waypoint", async () =>
        {
            await WalkthroughLab.Curl(curl, ["200"], ask);
            return lab.Mesh.Lines.Any(line => line.Contains($"dst.hbone_addr={address}:443 dst.service=\"api.external.com\" dst.workload=\"waypoint\"", StringComparison.Ordinal));
        });

        string StatusOf(string kind, string name) => string.Join(' ', dump.GetProperty("status").EnumerateArray()
            .Single(status => status.GetProperty("kind").GetString() == kind && status.GetProperty("object").GetString() == name)
            .GetProperty("conditions").EnumerateArray()
            .Select(condition => $"{condition.GetProperty("type").GetString()}={condition.GetProperty("status").GetString()}"));

        async Task<string> AddressOf(string host)
        {
            string? found = null;
            await MeshLab.Eventually($"an address for {host}", async () =>
            {
                JsonElement service = (await NodeDiagnostics.Dump(lab.Mesh.Network.Node("a"))).GetProperty("services").EnumerateArray()
                    .FirstOrDefault(service => service.GetProperty("hostname").GetString() == host);
                found = service.ValueKind == JsonValueKind.Undefined ? null : service.GetProperty("vips")[0].GetString()?.TrimStart('/');
                return found is not null;
            });
            return found!;
        }
    }

    [Fact]
    public async Task A_canary_release_inside_the_mesh_gives_a_tenth_to_the_new_version()
    {
        const int Requests = 300;
        await using WalkthroughLab lab = await WalkthroughLab.Start(
            builder =>
            {
                builder.Node("a").Pod("curl").Pod("waypoint");
                builder.Node("b").Pod("v1", "istio-system").Pod("v2", "istio-system");
            },
            new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["waypoint"] = "app: waypoint, gateway.networking.k8s.io/gateway-name: waypoint",
            },
            // The guide's waypoint is in default, its route in istio-system; and so are then the route's services.
            Yaml.Namespace("default", ambient: true),
            """
            apiVersion: v1
            kind: Namespace
            metadata:
              name: istio-system
              labels: {istio.io/dataplane-mode: ambient, istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: default}

            """,
            Yaml.Service("reviews-svc", "istio-system", "{any: of-them}", 9080, "8080", "10.96.0.20"),
            Yaml.Service("reviews-v1", "istio-system", "{app: v1}", 9080, "8080", "10.96.0.21"),
            Yaml.Service("reviews-v2", "istio-system", "{app: v2}", 9080, "8080", "10.96.0.22"),
            Yaml.Service("waypoint", "default", "{app: waypoint}", 15008, "15008", "10.96.0.81"));
        LabPod curl = lab.Pod("curl");
        await using PodHttpServer v1 = PodHttpServer.Start(lab.Pod("v1"), 8080);
        await using PodHttpServer v2 = PodHttpServer.Start(lab.Pod("v2"), 8080);
        lab.Apply("asm-mesh/waypoint.yaml");
        lab.Apply("asm-mesh/canary.yaml");
        await WalkthroughLab.Curl(curl, ["v1 "], "http://10.96.0.20:9080/");

        string answers = await WalkthroughLab.Curl(curl, [], $"http://10.96.0.20:9080/?[1-{Requests}]", "-w", "\\n");

        int canary = answers.Split('\n').Count(line => line.StartsWith("v2 ", StringComparison.Ordinal));
        Assert.Equal(Requests, answers.Split('\n').Count(line => line.StartsWith('v')));
        // A tenth of 300 with a standard deviation of 5: five of those on either side.
        Assert.InRange(canary, 4, 56);
    }
}
