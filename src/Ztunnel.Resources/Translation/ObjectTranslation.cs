using System.Net;
using System.Security.Cryptography;
using System.Text;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What one object is in the model. Pure: what depends on other objects is passed in.</summary>
internal static class ObjectTranslation
{

    /// <summary>The workload a pod is.</summary>
    public static Workload Workload(PodObject pod, string uid, StringMap namespaceLabels, TranslatorOptions options) => new()
    {
        Uid = uid,
        StaticUid = pod.StaticUid,
        Name = pod.Metadata.Name,
        Namespace = pod.Metadata.Namespace,
        ServiceAccount = pod.ServiceAccount,
        Identity = SpiffeId.Create(options.TrustDomain, pod.Metadata.Namespace, pod.ServiceAccount),
        Addresses = pod.Terminated ? [] : [.. pod.Addresses],
        Node = pod.NodeName,
        HostNetwork = pod.HostNetwork,
        Enrolment = EnrolmentOf(pod, namespaceLabels, options),
        Ready = pod.Ready,
        NetworkNamespace = pod.Metadata.Annotations[PodObject.NetworkNamespaceAnnotation],
        BypassesInbound = pod.BypassesInbound,
        Announced = pod.IsRedirected
            && pod.Metadata.Annotations[PodObject.ServiceAccountAnnotation] == pod.ServiceAccount,
        WorkloadName = WorkloadName(pod.Metadata),
        CanonicalName = FirstLabel(pod.Metadata, "service.istio.io/canonical-name", "app.kubernetes.io/name", "app") ?? WorkloadName(pod.Metadata),
        CanonicalRevision = FirstLabel(pod.Metadata, "service.istio.io/canonical-revision", "app.kubernetes.io/version", "version") ?? "latest",
        Labels = pod.Metadata.Labels,
        Waypoint = WaypointLabels.RequestOf(pod.Metadata.Labels, namespaceLabels, pod.Metadata.Namespace),
        Gateway = WaypointLabels.InstanceOf(pod.Metadata.Labels, pod.Metadata.Namespace),
        Created = pod.Metadata.Created,
    };

    /// <summary>
    /// The uid of a pod that says none, or one that is another's: a name-based UUID (RFC 9562 section 5.8), the same each time
    /// for the same namespace and name.
    /// </summary>
    public static string DerivedUid(ObjectMetadata pod)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes($"Pod {pod.Namespace}/{pod.Name}"), hash);
        hash[6] = (byte)((hash[6] & 0x0f) | 0x80);
        hash[8] = (byte)((hash[8] & 0x3f) | 0x80);
        return new Guid(hash[..16], bigEndian: true).ToString();
    }

    public static ServiceName NameOf(ServiceObject service) => new(service.Metadata.Namespace, service.Metadata.Name);

    /// <summary>The service that an object is. <paramref name="distribution"/> is what its namespace says.</summary>
    public static Service Service(
        ServiceObject service, StringMap namespaceLabels, TrafficDistribution? distribution, TranslatorOptions options) => new()
        {
            Name = NameOf(service),
            Hostname = $"{service.Metadata.Name}.{service.Metadata.Namespace}.svc.{options.ClusterDomain}",
            VirtualIps = [.. service.ClusterIps],
            Ports = [.. service.Ports.Where(port => port.Protocol == TransportProtocol.Tcp).Select(Port)],
            LocalOnly = service.InternalTrafficLocal,
            Distribution = Distributions.Of(service, distribution),
            PublishNotReadyAddresses = service.PublishNotReadyAddresses,
            ClientAffinity = service.ClientAffinity,
            Waypoint = WaypointLabels.RequestOfService(service.Metadata.Labels, namespaceLabels, service.Metadata.Namespace),
            IngressUsesWaypoint = WaypointLabels.IngressUsesWaypoint(service.Metadata.Labels, namespaceLabels),
        };

    public static Node Node(NodeObject node) => new()
    {
        Name = node.Metadata.Name,
        Region = node.Metadata.Labels["topology.kubernetes.io/region"],
        Zone = node.Metadata.Labels["topology.kubernetes.io/zone"],
        Ready = node.Ready,
    };

    /// <summary>The endpoints a slice of <paramref name="service"/> lists.</summary>
    public static EndpointSet Endpoints(EndpointSliceObject slice, string service) => new()
    {
        Service = new ServiceName(slice.Metadata.Namespace, service),
        Name = $"slice {slice.Metadata.Name}",
        Ports = [.. slice.Ports.Select(port => new EndpointPort(port.Name, port.Port))],
        Addresses = [.. slice.Endpoints.SelectMany(endpoint => endpoint.Addresses.Select(address => Address(address, endpoint)))],
    };

    /// <summary>The endpoints a pod is of a service that selects it, as Kubernetes' controller would list them; null if it is none.</summary>
    public static EndpointSet? DerivedEndpoints(ServiceObject service, PodObject pod)
    {
        if (pod.Terminated || pod.Addresses.Count == 0)
            return null;
        bool ready = pod.Ready || service.PublishNotReadyAddresses;
        return new EndpointSet
        {
            Service = NameOf(service),
            Name = DerivedSetName(pod.Metadata.Name),
            Ports = [.. service.Ports.Where(port => port.Protocol == TransportProtocol.Tcp).Select(port => TargetOf(port, pod)).OfType<EndpointPort>()],
            Addresses = [.. pod.Addresses.Select(address => new EndpointAddress(address, ready, pod.Metadata.Name) { Terminating = pod.Serving && !pod.Ready })],
        };
    }

    public static string DerivedSetName(string pod) => $"pod {pod}";

    private static EndpointAddress Address(IPAddress address, SliceEndpoint endpoint) => new(address, endpoint.Ready, endpoint.Pod)
    {
        Terminating = endpoint.Terminating,
        Node = endpoint.NodeName,
        Zone = endpoint.Zone,
    };

    private static EndpointPort? TargetOf(ServicePortSpec port, PodObject pod)
    {
        if (port.Target is TargetPort.Numbered numbered)
            return new EndpointPort(port.Name, numbered.Port);
        string name = ((TargetPort.Named)port.Target).Name;
        ContainerPort? declared = pod.Containers.SelectMany(container => container.Ports)
            .FirstOrDefault(candidate => candidate.Protocol == port.Protocol && string.Equals(candidate.Name, name, StringComparison.Ordinal));
        return declared is null ? null : new EndpointPort(port.Name, declared.Port);
    }

    public static ServicePort Port(ServicePortSpec port) =>
        new(port.Name, port.Port, port.Target is TargetPort.Numbered target ? target.Port : (ushort)0, port.AppProtocol);

    /// <summary>Whether it is in the mesh: as its labels ask, or for a pod of another node of a cluster as that node has it.</summary>
    private static Enrolment EnrolmentOf(PodObject pod, StringMap namespaceLabels, TranslatorOptions options)
    {
        bool told = options.InCluster && !string.Equals(pod.NodeName, options.OwnNode, StringComparison.Ordinal);
        return EnrolmentRule.Decide(new EnrolmentFacts
        {
            Redirected = told ? pod.IsRedirected : null,
            PodMode = pod.Metadata.Labels[EnrolmentRule.ModeLabel],
            NamespaceMode = namespaceLabels[EnrolmentRule.ModeLabel],
            HostNetwork = pod.HostNetwork,
            HasSidecar = pod.Metadata.Annotations[PodObject.SidecarAnnotation] is not null,
            Terminated = pod.Terminated,
            NamespaceExcluded = options.ExcludedNamespaces.Contains(pod.Metadata.Namespace, StringComparer.Ordinal),
            NamespaceNotDiscovered = options.DiscoverySelectors.Count > 0 && !options.DiscoverySelectors.Any(selector => selector.Matches(namespaceLabels)),
        });
    }

    private static string WorkloadName(ObjectMetadata pod)
    {
        if (FirstLabel(pod, "service.istio.io/workload-name") is { } name)
            return name;
        if (pod.Controller is not { } controller)
            return pod.Name;
        // A Deployment's ReplicaSet is named after it and the hash of the template, which its pods are labelled with.
        string suffix = $"-{pod.Labels["pod-template-hash"]}";
        bool ofDeployment = string.Equals(controller.Kind, "ReplicaSet", StringComparison.Ordinal)
            && suffix.Length > 1
            && controller.Name.EndsWith(suffix, StringComparison.Ordinal);
        return ofDeployment ? controller.Name[..^suffix.Length] : controller.Name;
    }

    private static string? FirstLabel(ObjectMetadata metadata, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            if (metadata.Labels[name] is { Length: > 0 } value)
                return value;
        }

        return null;
    }
}
