using System.Text;

namespace Ztunnel.Resources.Tests;

/// <summary>Short ways to manifests and what is read of them.</summary>
internal static class Manifests
{
    public static ManifestFile Read(string yaml, string name = "x.yaml") => ManifestReader.Read(name, Encoding.UTF8.GetBytes(yaml));

    public static string[] Problems(string yaml) => [.. Read(yaml).Problems.Select(problem => problem.ToString())];

    public static T Only<T>(string yaml)
        where T : KubernetesObject
    {
        ManifestFile file = Read(yaml);
        Assert.Empty(file.Problems);
        return Assert.IsType<T>(Assert.Single(file.Objects).Value.Object);
    }

    /// <summary>The objects of a text, which is to be without mistakes.</summary>
    public static KubernetesObject[] Objects(string yaml)
    {
        ManifestFile file = Read(yaml);
        Assert.Empty(file.Problems);
        return [.. file.Objects.Values.Select(held => held.Object)];
    }

    public static string Namespace(string name, string? mode) => $$"""
        apiVersion: v1
        kind: Namespace
        metadata: {name: {{name}}, labels: { {{(mode is null ? "" : $"istio.io/dataplane-mode: {mode}")}} } }

        """;

    /// <summary>A pod with label app=<paramref name="app"/> and a port named http.</summary>
    public static string Pod(string name, string ip, string app = "web", string metadata = "", string spec = "", string status = "", string @namespace = "default", int http = 8080, string labels = "") => $$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: {{name}}, namespace: {{@namespace}}, labels: {app: {{app}}{{Also(labels)}} }{{Also(metadata)}} }
        spec: {nodeName: node-a, serviceAccountName: {{name}}, containers: [{name: main, ports: [{name: http, containerPort: {{http}} }]}]{{Also(spec)}} }
        status: {podIP: "{{ip}}"{{Also(status)}} }

        """;

    /// <summary>A service of port 80 to the port http of pods with label app=<paramref name="app"/>.</summary>
    public static string Service(string name, string ip, string app = "web", string spec = "", string target = "http", string @namespace = "default", string metadata = "") => $$"""
        apiVersion: v1
        kind: Service
        metadata: {name: {{name}}, namespace: {{@namespace}}{{Also(metadata)}} }
        spec: {clusterIP: "{{ip}}", selector: {app: {{app}} }, ports: [{name: web, port: 80, targetPort: {{target}} }]{{Also(spec)}} }

        """;

    public static string Slice(string name, string service, int port, params string[] addresses) =>
        SliceOf(name, service, port, string.Join(", ", addresses.Select(address => $"{{addresses: [{address}]}}")));

    public static string SliceOf(string name, string service, int port, string endpoints) => $$"""
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: {{name}}, namespace: default, labels: {kubernetes.io/service-name: {{service}} } }
        addressType: IPv4
        ports: [{name: web, port: {{port}}, protocol: TCP}]
        endpoints: [{{endpoints}}]

        """;

    /// <summary>An AuthorizationPolicy; <paramref name="rules"/> are the items of its rules, null for none.</summary>
    public static string Policy(string name, string action, string? rules, string @namespace = "default", string spec = "", string metadata = "") => $$"""
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: {{name}}, namespace: {{@namespace}}{{Also(metadata)}} }
        spec: {action: {{action}}{{(rules is null ? "" : $", rules: [{rules}]")}}{{Also(spec)}} }

        """;

    /// <summary>A PeerAuthentication; <paramref name="mode"/> null leaves its mode out.</summary>
    public static string PeerAuthentication(string name, string? mode, string @namespace = "default", string spec = "", string metadata = "") => $$"""
        apiVersion: security.istio.io/v1
        kind: PeerAuthentication
        metadata: {name: {{name}}, namespace: {{@namespace}}{{Also(metadata)}} }
        spec: { {{(mode is null ? "mtls: {}" : $"mtls: {{mode: {mode}}}")}}{{Also(spec)}} }

        """;

    public static string Join(params string[] documents) => string.Join("---\n", documents);

    private static string Also(string fields) => fields.Length == 0 ? "" : ", " + fields;
}
