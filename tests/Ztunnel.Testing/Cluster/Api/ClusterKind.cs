namespace Ztunnel.Testing.Cluster;

/// <summary>A kind that the stand-ins read or write.</summary>
public sealed record ClusterKind(string ApiVersion, string Plural, string Kind, bool Namespaced = true)
{
    public static readonly ClusterKind Namespaces = new("v1", "namespaces", "Namespace", Namespaced: false);
    public static readonly ClusterKind Nodes = new("v1", "nodes", "Node", Namespaced: false);
    public static readonly ClusterKind Pods = new("v1", "pods", "Pod");
    public static readonly ClusterKind Services = new("v1", "services", "Service");
    public static readonly ClusterKind ServiceAccounts = new("v1", "serviceaccounts", "ServiceAccount");
    public static readonly ClusterKind ConfigMaps = new("v1", "configmaps", "ConfigMap");
    public static readonly ClusterKind Secrets = new("v1", "secrets", "Secret");
    public static readonly ClusterKind EndpointSlices = new("discovery.k8s.io/v1", "endpointslices", "EndpointSlice");
    public static readonly ClusterKind Deployments = new("apps/v1", "deployments", "Deployment");
    public static readonly ClusterKind ReplicaSets = new("apps/v1", "replicasets", "ReplicaSet");
    public static readonly ClusterKind DaemonSets = new("apps/v1", "daemonsets", "DaemonSet");

    private string Root => ApiVersion.Contains('/', StringComparison.Ordinal) ? $"apis/{ApiVersion}" : $"api/{ApiVersion}";

    /// <summary>The path of all objects of the kind.</summary>
    public string All() => $"{Root}/{Plural}";

    /// <summary>The path of those in a namespace; of all for a kind without namespaces.</summary>
    public string In(string @namespace) => Namespaced ? $"{Root}/namespaces/{@namespace}/{Plural}" : All();

    /// <summary>The path of an object, or of a part of it such as <c>status</c>.</summary>
    public string Named(string @namespace, string name, string part = "") => $"{In(@namespace)}/{name}{(part.Length == 0 ? "" : "/" + part)}";
}
