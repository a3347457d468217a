namespace Ztunnel.Control.Tests;

/// <summary>Manifests from a few words.</summary>
internal static class Manifest
{
    public const string Ingress = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: gw, namespace: shop}
        spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
        """;

    /// <summary>The same with TLS; <paramref name="certificates"/> are its references, in flow style.</summary>
    public static string Encrypted(string certificates) => $$"""
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: gw, namespace: shop}
        spec: {gatewayClassName: istio, listeners: [{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{{certificates}}] } }] }
        """;

    public const string Waypoint = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: waypoint, namespace: shop}
        spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
        """;

    /// <summary>A waypoint with parameters.</summary>
    public const string WithParameters = """
        apiVersion: gateway.networking.k8s.io/v1
        kind: Gateway
        metadata: {name: waypoint, namespace: shop}
        spec:
          gatewayClassName: istio-waypoint
          infrastructure: {parametersRef: {group: "", kind: ConfigMap, name: params}}
          listeners: [{name: mesh, port: 15008, protocol: HBONE}]
        """;

    /// <summary>The ConfigMap of those; <paramref name="data"/> is its data, indented by two.</summary>
    public static string Parameters(string data) => $$"""
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: params, namespace: shop}
        data:
        {{data}}
        """;

    /// <summary>A slice with one endpoint of a service's port.</summary>
    public static string Slice(string service, string port, int number, bool ready = true) => $$"""
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: {{service}}-x, namespace: shop, labels: {kubernetes.io/service-name: {{service}} } }
        addressType: IPv4
        ports: [{name: {{port}}, port: {{number}}, protocol: TCP}]
        endpoints: [{addresses: [10.0.0.5], conditions: {ready: {{(ready ? "true" : "false")}} } }]
        """;

    /// <summary>The waypoint's one instance, with the slice it is in.</summary>
    public static string WaypointInstance => $$"""
        apiVersion: v1
        kind: Pod
        metadata: {name: waypoint-1, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: waypoint} }
        spec: {nodeName: a, serviceAccountName: waypoint, containers: [{name: istio-proxy, image: "ztunnel:test"}]}
        status: {phase: Running, podIP: 10.0.0.5, podIPs: [{ip: 10.0.0.5}], conditions: [{type: Ready, status: "True"}]}
        ---
        {{Slice("waypoint", "mesh", 15008)}}
        """;

    /// <summary>A service of port 80.</summary>
    public static string Service(string name, string labels = "") => $$"""
        apiVersion: v1
        kind: Service
        metadata: {name: {{name}}, namespace: shop, labels: { {{labels}} } }
        spec: {ports: [{name: http, port: 80}], selector: {app: {{name}} } }
        """;
}
