using System.Collections.Immutable;
using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Diagnostics.Tests;

/// <summary>A mesh of one service with one ambient endpoint, and a pod outside the mesh.</summary>
internal static class Model
{
    public static Workload Httpbin { get; } = Pod("httpbin-7", "web", "10.2.0.2", Enrolment.Ambient);

    public static Workload Legacy { get; } = Pod("legacy", "old", "10.2.0.9", Enrolment.NotLabelled);

    /// <summary>One policy for the whole mesh, one for the labels and ports of the ambient pod, one that is tried out and cannot be enforced whole.</summary>
    public static ImmutableArray<KubernetesObject> Policies { get; } =
    [
        new PeerAuthenticationObject { Metadata = new ObjectMetadata { Name = "everywhere", Namespace = "istio-system" }, Mode = MutualTlsMode.Permissive },
        new PeerAuthenticationObject
        {
            Metadata = new ObjectMetadata { Name = "ports", Namespace = "web" },
            Selector = new StringMap([new("app", "httpbin")]),
            Mode = MutualTlsMode.Strict,
            Ports = [new PortMode(9090, MutualTlsMode.Permissive)],
        },
        new AuthorizationPolicyObject
        {
            Metadata = new ObjectMetadata { Name = "try", Namespace = "web", Annotations = new StringMap([new(AuthorizationPolicyObject.DryRunAnnotation, "true")]) },
            Action = PolicyAction.Deny,
            Rules = [new RuleSpec([], [new MatchSpec([new AttributeSpec("methods", false, ["GET"])])], [])],
        },
        new RequestAuthenticationObject
        {
            Metadata = new ObjectMetadata { Name = "tokens", Namespace = "web" },
            Targets = [new PolicyTarget("", "Service", "httpbin"), new PolicyTarget("gateway.networking.k8s.io", "Gateway", "none")],
        },
    ];

    public static MeshState Mesh()
    {
        var mesh = new MeshState();
        mesh.Put(Httpbin);
        mesh.Put(Legacy);
        var name = new ServiceName("web", "httpbin");
        mesh.Put(new Service
        {
            Name = name,
            Hostname = "httpbin.web.svc.cluster.local",
            VirtualIps = [IPAddress.Parse("10.96.0.10"), IPAddress.Parse("fd00:96::10")],
            Ports = [new ServicePort("http", 80, 8080), new ServicePort("admin", 81, 0)],
        });
        mesh.Put(new EndpointSet
        {
            Service = name,
            Name = "httpbin-abc",
            Ports = [new EndpointPort("http", 8080), new EndpointPort("admin", 9999)],
            Addresses =
            [
                new EndpointAddress(IPAddress.Parse("10.2.0.2"), Ready: true, Pod: "httpbin-7"),
                new EndpointAddress(IPAddress.Parse("192.0.2.1"), Ready: false),
            ],
        });
        return mesh;
    }

    private static Workload Pod(string name, string @namespace, string address, Enrolment enrolment) => new()
    {
        Uid = $"uid-{name}",
        Name = name,
        Namespace = @namespace,
        ServiceAccount = "default",
        Identity = SpiffeId.Create("cluster.local", @namespace, "default"),
        Addresses = ImmutableArray.Create(IPAddress.Parse(address)),
        Node = "node-b",
        Enrolment = enrolment,
        Ready = true,
        WorkloadName = name,
        Labels = new StringMap([new("app", "httpbin")]),
        CanonicalName = "httpbin",
    };
}
