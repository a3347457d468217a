using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>The objects of the conformance tests, from a few words.</summary>
internal static class ConformanceManifests
{
    /// <summary>What is there all the time: pods, services, the Gateways that several tests use.</summary>
    public static string Base(LabNetwork network)
    {
        string ip(string pod) => network.Pod(pod).IPv4.ToString();
        return Yaml.Join(
        [
            Yaml.Namespace("infra", ambient: false),
            Yaml.Namespace("app", ambient: true).Replace("labels:", "labels:\n    purpose: backend", StringComparison.Ordinal),
            Yaml.Namespace("web", ambient: false).Replace("labels:", "labels:\n    purpose: backend", StringComparison.Ordinal),
            Yaml.Namespace("outside", ambient: false),
            Yaml.Namespace("mesh", ambient: true),
            Yaml.Namespace("consumer", ambient: true),
            .. network.Pods.Select(Pod),
            MeshService("echo", 1, ip("echo-v1"), ip("echo-v2")),
            MeshService("echo-v1", 2, ip("echo-v1")),
            MeshService("echo-v2", 3, ip("echo-v2")),
            Waypoint.Replace("ADDRESS", ip("waypoint"), StringComparison.Ordinal),
            Service("v1", "infra", 1, ip("v1")),
            Service("v2", "infra", 2, ip("v2")),
            Service("v3", "infra", 3, ip("v3")),
            Service("app-v1", "app", 4, ip("app-v1")),
            Service("app-v2", "app", 5, ip("app-v2")),
            Service("web", "web", 6, ip("web")),
            Yaml.GatewayClass("istio", "gateway-controller"),
            GatewayOf("same-namespace", "{name: http, port: 80, protocol: HTTP}"),
            GatewayOf("all-namespaces", "{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}"),
            GatewayOf("backend-namespaces", "{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: Selector, selector: {matchLabels: {purpose: backend}}}}}"),
            GatewayOf(
                "with-https",
                Https("https", ""),
                Https("https-with-hostname", "hostname: second-example.org, "),
                Https("https-with-wildcard-hostname", "hostname: \"*.wildcard.org\", "),
                Https("https-with-hostname-matching-wildcard", "hostname: fourth-example.wildcard.org, ")),
            GatewayLab.Secret("certificate", "example.org", "conformance"),
        ]);
    }

    /// <summary>A Gateway of the namespace infra; each listener is one in flow style.</summary>
    public static string GatewayOf(string name, params string[] listeners) => GatewayWith(name, "", listeners);

    /// <summary>As <see cref="GatewayOf"/>, with more in its <c>spec</c>.</summary>
    public static string GatewayWith(string name, string spec, params string[] listeners) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: {{name}}, namespace: infra}
        spec: {gatewayClassName: istio, {{spec}} listeners: [{{string.Join(", ", listeners)}}]}

        """;

    /// <summary>An HTTPS listener on port 443; <paramref name="more"/> ends in a comma where it is not empty.</summary>
    public static string Https(string name, string more) =>
        $"{{name: {name}, port: 443, protocol: HTTPS, {more}tls: {{certificateRefs: [{{name: certificate}}]}}}}";

    /// <summary>An HTTPRoute of the namespace infra at one Gateway.</summary>
    public static string Route(string name, string gateway, string rules, string hostnames = "") => RouteOf("HTTPRoute", name, "infra", $"{{name: {gateway}}}", rules, hostnames);

    /// <summary>A route; parents and rules are the items of their lists in flow style.</summary>
    public static string RouteOf(string kind, string name, string @namespace, string parents, string rules, string hostnames = "", string version = "v1") => $$"""
        apiVersion: gateway.networking.k8s.io/{{version}}
        kind: {{kind}}
        metadata: {name: {{name}}, namespace: {{@namespace}}}
        spec:
          parentRefs: [{{parents}}]
          {{(hostnames.Length == 0 ? "" : $"hostnames: [{hostnames}]")}}
          rules:
        {{string.Join('\n', rules.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(rule => $"  - {rule}"))}}

        """;

    /// <summary>A rule for requests that match.</summary>
    public static string Rule(string matches, string backends, string filters = "") =>
        $"{{matches: [{matches}], filters: [{filters}], backendRefs: [{To(backends)}]}}\n";

    /// <summary>A rule for a prefix of paths.</summary>
    public static string Prefix(string path, string filters, string backends = "v1") => Rule($"{{path: {{value: {path}}}}}", backends, filters);

    /// <summary>A filter by which answers show which objects they are by: those of the test before may hold for a moment more.</summary>
    public static string Mark(string mark) => $"filters: [{{type: ResponseHeaderModifier, responseHeaderModifier: {{set: [{{name: x-mark, value: {mark}}}]}}}}]";

    /// <summary>Backends by name, at port 80.</summary>
    public static string To(string backends) =>
        string.Join(", ", backends.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => $"{{name: {name}, port: 80}}"));

    public static string Grant(string name, string @namespace, string from, string to) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: ReferenceGrant
        metadata: {name: {{name}}, namespace: {{@namespace}}}
        spec: {from: [{{from}}], to: [{{to}}]}

        """;

    /// <summary>A Service whose port 80 is HTTP/1.1 at its pods, 81 HTTP/2, 443 HTTPS, and 7000 speaks first.</summary>
    public static string Service(string name, string @namespace, int number, params string[] endpoints) => $$$"""
        apiVersion: v1
        kind: Service
        metadata: {name: {{{name}}}, namespace: {{{@namespace}}}}
        spec:
          clusterIP: 10.96.8.{{{number}}}
          clusterIPs: [10.96.8.{{{number}}}]
          ports:
          - {name: first, port: 80, targetPort: {{{Backend.Http1Port}}}}
          - {name: second, port: 81, targetPort: {{{Backend.Http2Port}}}, appProtocol: kubernetes.io/h2c}
          - {name: third, port: 443, targetPort: {{{Backend.HttpsPort}}}}
          - {name: fourth, port: 7000, targetPort: 7000}
        ---
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: {{{name}}}-1, namespace: {{{@namespace}}}, labels: {kubernetes.io/service-name: {{{name}}}}}
        addressType: IPv4
        ports: [{name: first, port: {{{Backend.Http1Port}}}}, {name: second, port: {{{Backend.Http2Port}}}}, {name: third, port: {{{Backend.HttpsPort}}}}, {name: fourth, port: 7000}]
        endpoints: [{{{string.Join(", ", endpoints.Select(Endpoint))}}}]

        """;

    /// <summary>The address of a service of the mesh.</summary>
    public static string MeshAddress(string service) => $"10.96.9.{(service == "echo" ? 1 : service == "echo-v1" ? 2 : 3)}";

    private static string Pod(LabPod pod) => Yaml.Pod(pod, pod switch
    {
        { Name: "waypoint" } => "{istio.io/dataplane-mode: none, gateway.networking.k8s.io/gateway-name: waypoint}",
        { Plan.Node: "a" } => $"{{app: {pod.Name}, gateway.networking.k8s.io/gateway-name: {pod.Name}}}",
        _ => $"{{app: {pod.Name}}}",
    });

    private static string MeshService(string name, int number, params string[] endpoints) => Service(name, "mesh", number, endpoints)
        .Replace("10.96.8.", "10.96.9.", StringComparison.Ordinal)
        .Replace("namespace: mesh}\nspec", "namespace: mesh, labels: {istio.io/use-waypoint: waypoint}}\nspec", StringComparison.Ordinal)
        .Replace("  - {name: second,", "  - {name: other, port: 8080, targetPort: 8080}\n  - {name: second,", StringComparison.Ordinal)
        .Replace("ports: [{name: first,", "ports: [{name: other, port: 8080}, {name: first,", StringComparison.Ordinal);

    private static string Endpoint(string address) => $"{{addresses: [{address}], conditions: {{ready: true}}}}";

    private const string Waypoint = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: waypoint, namespace: mesh}
        spec:
          gatewayClassName: istio-waypoint
          listeners: [{name: mesh, port: 15008, protocol: HBONE}]
        status:
          addresses: [{type: IPAddress, value: ADDRESS}]

        """;
}
