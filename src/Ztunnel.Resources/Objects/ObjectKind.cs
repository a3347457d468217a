namespace Ztunnel.Resources;

/// <summary>A kind of Kubernetes object.</summary>
/// <param name="ApiVersion">Its <c>apiVersion</c>, with the group unless it is a core kind.</param>
/// <param name="Name">Its <c>kind</c>.</param>
/// <param name="Namespaced">Whether its objects live in namespaces.</param>
public sealed record ObjectKind(string ApiVersion, string Name, bool Namespaced)
{
    /// <summary>Namespaces.</summary>
    public static readonly ObjectKind Namespace = new("v1", "Namespace", Namespaced: false);

    /// <summary>Nodes.</summary>
    public static readonly ObjectKind Node = new("v1", "Node", Namespaced: false);

    /// <summary>Pods.</summary>
    public static readonly ObjectKind Pod = new("v1", "Pod", Namespaced: true);

    /// <summary>Services.</summary>
    public static readonly ObjectKind Service = new("v1", "Service", Namespaced: true);

    /// <summary>Endpoint slices.</summary>
    public static readonly ObjectKind EndpointSlice = new("discovery.k8s.io/v1", "EndpointSlice", Namespaced: true);

    /// <summary>Who may connect to whom.</summary>
    public static readonly ObjectKind AuthorizationPolicy = new("security.istio.io/v1", "AuthorizationPolicy", Namespaced: true);

    /// <summary>Who must connect with mutual TLS.</summary>
    public static readonly ObjectKind PeerAuthentication = new("security.istio.io/v1", "PeerAuthentication", Namespaced: true);

    /// <summary>Which tokens requests may come with.</summary>
    public static readonly ObjectKind RequestAuthentication = new("security.istio.io/v1", "RequestAuthentication", Namespaced: true);

    /// <summary>Gateway API gateways; v1beta1 is read as this too.</summary>
    public static readonly ObjectKind Gateway = new("gateway.networking.k8s.io/v1", "Gateway", Namespaced: true);

    /// <summary>Gateway API classes of gateways; v1beta1 is read as this too.</summary>
    public static readonly ObjectKind GatewayClass = new("gateway.networking.k8s.io/v1", "GatewayClass", Namespaced: false);

    /// <summary>Gateway API routes of HTTP requests; v1beta1 is read as this too.</summary>
    public static readonly ObjectKind HttpRoute = new("gateway.networking.k8s.io/v1", "HTTPRoute", Namespaced: true);

    /// <summary>Gateway API routes of gRPC calls.</summary>
    public static readonly ObjectKind GrpcRoute = new("gateway.networking.k8s.io/v1", "GRPCRoute", Namespaced: true);

    /// <summary>Gateway API routes of TLS connections by server name; v1alpha2 and v1alpha3 are read as this too.</summary>
    public static readonly ObjectKind TlsRoute = new("gateway.networking.k8s.io/v1", "TLSRoute", Namespaced: true);

    /// <summary>Gateway API routes of TCP connections; v1alpha2 is read as this too.</summary>
    public static readonly ObjectKind TcpRoute = new("gateway.networking.k8s.io/v1", "TCPRoute", Namespaced: true);

    /// <summary>Gateway API permissions to refer to other namespaces; v1beta1 is read as this too.</summary>
    public static readonly ObjectKind ReferenceGrant = new("gateway.networking.k8s.io/v1", "ReferenceGrant", Namespaced: true);

    /// <summary>Secrets, of which certificates are used.</summary>
    public static readonly ObjectKind Secret = new("v1", "Secret", Namespaced: true);

    /// <summary>Istio's settings of logs, metrics and traces; v1alpha1 is read as this too.</summary>
    public static readonly ObjectKind Telemetry = new("telemetry.istio.io/v1", "Telemetry", Namespaced: true);

    /// <summary>Istio's hosts beside the cluster's Services; v1beta1 and v1alpha3 are read as this too.</summary>
    public static readonly ObjectKind ServiceEntry = new("networking.istio.io/v1", "ServiceEntry", Namespaced: true);

    /// <summary>Istio's workloads beside the cluster's pods; v1beta1 and v1alpha3 are read as this too.</summary>
    public static readonly ObjectKind WorkloadEntry = new("networking.istio.io/v1", "WorkloadEntry", Namespaced: true);

    /// <summary>How requests to a host are sent; v1beta1 and v1alpha3 are read as this too.</summary>
    public static readonly ObjectKind DestinationRule = new("networking.istio.io/v1", "DestinationRule", Namespaced: true);

    /// <summary>The group of Istio's networking.</summary>
    internal const string NetworkingGroup = "networking.istio.io";

    /// <summary>The group of Gateway API.</summary>
    internal const string GatewayApiGroup = "gateway.networking.k8s.io";

    /// <inheritdoc/>
    public override string ToString() => Name;
}
