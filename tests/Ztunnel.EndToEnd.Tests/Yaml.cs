using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>The manifests that describe a lab's pods, as a user would write them.</summary>
internal static class Yaml
{
    public static string Namespace(string name, bool ambient) => $"""
        apiVersion: v1
        kind: Namespace
        metadata:
          name: {name}
          labels:
            istio.io/dataplane-mode: {(ambient ? "ambient" : "none")}

        """;

    public static string GatewayClass(string name, string controller) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: GatewayClass
        metadata: {name: {{name}}}
        spec: {controllerName: istio.io/{{controller}}}

        """;

    public static string Pod(LabPod pod, string? labels = null, bool ready = true, int? port = null, string? account = null) => $"""
        apiVersion: v1
        kind: Pod
        metadata:
          name: {pod.Name}
          namespace: {pod.Namespace}
          labels: {labels ?? $"{{app: {pod.Name}}}"}
          annotations:
            ztunnel.io/network-namespace: {pod.Plan.NamespaceName}
        spec:
          serviceAccountName: {account ?? pod.Name}
          nodeName: {pod.Plan.Node}
          containers:
          - name: main
            ports: [{(port is { } number ? $"{{name: http, containerPort: {number}}}" : "")}]
        status:
          podIP: "{pod.IPv4}"
          podIPs: [{string.Join(", ", pod.Addresses.Select(a => $"{{ip: \"{a}\"}}"))}]
          conditions: [{(ready ? "{type: Ready, status: \"True\"}" : "{type: Ready, status: \"False\"}")}]

        """;

    public static string Node(string name, string zone, bool ready = true) => $$"""
        apiVersion: v1
        kind: Node
        metadata:
          name: {{name}}
          labels: {topology.kubernetes.io/region: region-1, topology.kubernetes.io/zone: {{zone}}}
        status:
          conditions: [{type: Ready, status: "{{ready}}"}]

        """;

    public static string Service(string name, string @namespace, string selector, int port, string targetPort, params string[] clusterIps) => $"""
        apiVersion: v1
        kind: Service
        metadata:
          name: {name}
          namespace: {@namespace}
        spec:
          clusterIP: "{clusterIps[0]}"
          clusterIPs: [{string.Join(", ", clusterIps.Select(ip => $"\"{ip}\""))}]
          selector: {selector}
          ports:
          - name: http
            port: {port}
            targetPort: {targetPort}

        """;

    /// <summary>A slice named like its service, whose port is named <c>http</c>.</summary>
    public static string Slice(string service, int port, params IReadOnlyList<string> endpoints) => $$"""
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata:
          name: {{service}}
          namespace: default
          labels: {kubernetes.io/service-name: {{service}}}
        addressType: IPv4
        ports: [{name: http, port: {{port}}}]
        endpoints: [{{string.Join(", ", endpoints)}}]

        """;

    /// <summary>An endpoint of a slice; one outside the slice's namespace is there by its address only, as Kubernetes has it.</summary>
    public static string Endpoint(LabPod pod, string conditions = "{ready: true}", string more = "")
    {
        string reference = pod.Namespace == "default" ? $", targetRef: {{kind: Pod, name: {pod.Name}}}" : "";
        return $"{{addresses: [{pod.IPv4}], conditions: {conditions}{reference}{more}}}";
    }

    public static string Join(params IEnumerable<string> documents) => string.Join("---\n", documents);
}
