using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Testing;

/// <summary>
/// The objects of a made-up cluster, in the proportions of a large one: for each 100 pods a node, 20 services of 5 pods with a
/// slice each and 5 policies; for each 500 pods a namespace. Only the number of things depends on its size, not what each of
/// them is connected with.
/// </summary>
public sealed class LargeCluster(int pods)
{
    private const int PodsPerService = 5;
    private const int ServicesPerNamespace = 100;
    private const int PodsPerPolicy = 20;
    private const int PodsPerNode = 100;
    private const ushort TargetPort = 8080;

    /// <summary>How many pods there are.</summary>
    public int Pods => pods;

    /// <summary>How many services there are.</summary>
    public int Services => pods / PodsPerService;

    /// <summary>How many policies there are.</summary>
    public int Policies => pods / PodsPerPolicy;

    /// <summary>All objects, in an order of no meaning.</summary>
    public IEnumerable<KubernetesObject> Objects()
    {
        for (int i = 0; i * PodsPerNode < pods; i++)
            yield return Node(i);
        for (int i = 0; i * ServicesPerNamespace < Services; i++)
            yield return Namespace(i);
        for (int i = 0; i < Services; i++)
        {
            yield return Service(i);
            yield return Slice(i);
        }

        for (int i = 0; i < pods; i++)
            yield return Pod(i);
        for (int i = 0; i < Policies; i++)
            yield return Policy(i);
    }

    /// <summary>The address and port of one of the services.</summary>
    public static IPEndPoint VirtualAddress(int service) => new(Address(0xAC10_0000, service), 80);

    /// <summary>The address and port of one of the pods.</summary>
    public static IPEndPoint PodAddress(int pod) => new(Address(0x0A80_0000, pod), TargetPort);

    /// <summary>The uid of one of the pods.</summary>
    public static string Uid(int pod) => string.Create(CultureInfo.InvariantCulture, $"00000000-0000-4000-8000-{pod:x12}");

    /// <summary>The service one of the pods is behind.</summary>
    public static int ServiceOf(int pod) => pod / PodsPerService;

    /// <summary>One of the pods.</summary>
    public static PodObject Pod(int pod, bool ready = true)
    {
        string app = AppOf(ServiceOf(pod));
        return new PodObject
        {
            Metadata = new ObjectMetadata
            {
                Name = PodName(pod),
                Namespace = NamespaceOf(ServiceOf(pod)),
                Uid = Uid(pod),
                Created = DateTimeOffset.UnixEpoch,
                Controller = new ControllerReference("ReplicaSet", $"{app}-5d4f8c7b9"),
                Labels = Map(("app", app), ("version", "v1"), ("pod-template-hash", "5d4f8c7b9"), ("app.kubernetes.io/part-of", "shop")),
            },
            NodeName = NodeName(pod / PodsPerNode),
            ServiceAccount = app,
            Addresses = [PodAddress(pod).Address],
            ReadyCondition = ready,
            Containers = [new PodContainer { Name = "main", Ports = [new ContainerPort("http", TargetPort, TransportProtocol.Tcp)] }],
        };
    }

    /// <summary>The slice of one of the services; one of its pods may be unready.</summary>
    public static EndpointSliceObject Slice(int service, int? unready = null) => new()
    {
        Metadata = new ObjectMetadata
        {
            Name = $"{AppOf(service)}-x7k2p",
            Namespace = NamespaceOf(service),
            Labels = Map((EndpointSliceObject.ServiceNameLabel, AppOf(service))),
        },
        Ports = [new SlicePort("http", TargetPort)],
        Endpoints =
        [
            .. Enumerable.Range(service * PodsPerService, PodsPerService).Select(pod =>
                new SliceEndpoint([PodAddress(pod).Address], pod != unready, PodName(pod)) { NodeName = NodeName(pod / PodsPerNode) }),
        ],
    };

    /// <summary>One of the policies: who may connect to the pods of one service.</summary>
    public static AuthorizationPolicyObject Policy(int policy, string client = "frontend") => new()
    {
        Metadata = new ObjectMetadata { Name = $"policy-{policy}", Namespace = NamespaceOf(policy * PodsPerPolicy / PodsPerService) },
        Selector = Map(("app", AppOf(policy * PodsPerPolicy / PodsPerService))),
        Rules =
        [
            new RuleSpec(
                [Demand("principals", $"cluster.local/ns/shop/sa/{client}", "cluster.local/ns/shop/sa/gateway"), Demand("namespaces", "monitoring")],
                [Demand("ports", "8080")],
                []),
        ],
    };

    private static ServiceObject Service(int service) => new()
    {
        Metadata = new ObjectMetadata { Name = AppOf(service), Namespace = NamespaceOf(service) },
        ClusterIps = [VirtualAddress(service).Address],
        Selector = Map(("app", AppOf(service))),
        Ports = [new ServicePortSpec("http", 80, TransportProtocol.Tcp, new TargetPort.Numbered(TargetPort), null)],
        Distribution = service % 4 == 0 ? TrafficDistribution.PreferSameZone : null,
    };

    private static NodeObject Node(int node) => new()
    {
        Metadata = new ObjectMetadata
        {
            Name = NodeName(node),
            Labels = Map(("topology.kubernetes.io/region", "region-1"), ("topology.kubernetes.io/zone", $"zone-{node % 3}")),
        },
    };

    private static NamespaceObject Namespace(int index) => new()
    {
        Metadata = new ObjectMetadata { Name = $"team-{index}", Labels = Map(("istio.io/dataplane-mode", "ambient")) },
    };

    private static MatchSpec Demand(string attribute, params ReadOnlySpan<string> values) =>
        new([new AttributeSpec(attribute, Negated: false, ValueArray.Create(values))]);

    private static StringMap Map(params (string Key, string Value)[] entries) =>
        new(entries.Select(entry => KeyValuePair.Create(entry.Key, entry.Value)));

    private static string NodeName(int node) => $"node-{node}";

    private static string PodName(int pod) => $"{AppOf(ServiceOf(pod))}-5d4f8c7b9-{pod % PodsPerService}";

    private static string AppOf(int service) => $"app-{service % ServicesPerNamespace}";

    private static string NamespaceOf(int service) => $"team-{service / ServicesPerNamespace}";

    private static IPAddress Address(uint network, int host)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, network + (uint)host + 1);
        return new IPAddress(bytes);
    }
}
