using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel;

/// <summary>A waypoint of the manifests: the pods it runs as, and what asks for it.</summary>
internal sealed class WaypointUse
{
    private WaypointUse(GatewayObject gateway, MeshState mesh)
    {
        Gateway = gateway;
        var name = new GatewayName(gateway.Metadata.Namespace, gateway.Metadata.Name);
        Workload[] pods = [.. mesh.Workloads.Where(workload => workload.Gateway == name)];
        Pods = pods.Length;
        ReadyPods = pods.Count(pod => pod.Ready);
        Bindings =
        [
            .. mesh.Services.Select(service => (What: $"service {service.Name}", Binding: mesh.WaypointOf(service)))
                .Concat(mesh.Workloads.Select(workload => (What: $"pod {workload}", Binding: mesh.WaypointOf(workload))))
                .Where(entry => entry.Binding?.Waypoint == name)
                .Select(entry => (entry.What, entry.Binding!))
                .OrderBy(entry => entry.What, StringComparer.Ordinal),
        ];
    }

    /// <summary>The Gateway.</summary>
    public GatewayObject Gateway { get; }

    /// <summary>How many pods it runs as.</summary>
    public int Pods { get; }

    /// <summary>How many of them are ready.</summary>
    public int ReadyPods { get; }

    /// <summary>The services and workloads that ask for it, and how each stands with it.</summary>
    public IReadOnlyList<(string What, WaypointBinding Binding)> Bindings { get; }

    /// <summary>The waypoints among <paramref name="objects"/>, those of one namespace or of all.</summary>
    public static IReadOnlyList<WaypointUse> Of(IEnumerable<KubernetesObject> objects, string? @namespace)
    {
        KubernetesObject[] all = [.. objects];
        var mesh = new MeshState();
        var translator = new Translator(mesh);
        foreach (KubernetesObject @object in all)
            translator.Apply(new ResourceEvent.Put(@object, new Origin("manifests", 0)));
        return
        [
            .. all.OfType<GatewayObject>()
                .Where(gateway => WaypointCommand.IsWaypoint(gateway) && (@namespace is null || gateway.Metadata.Namespace == @namespace))
                .OrderBy(gateway => gateway.Metadata.Namespace, StringComparer.Ordinal)
                .ThenBy(gateway => gateway.Metadata.Name, StringComparer.Ordinal)
                .Select(gateway => new WaypointUse(gateway, mesh)),
        ];
    }

    /// <summary>The objects that carry the label of a waypoint, whether it is there or not.</summary>
    public static IEnumerable<ObjectKey> LabelledFor(GatewayName waypoint, IEnumerable<KubernetesObject> objects) => objects
        .Where(@object => @object is NamespaceObject or ServiceObject or ServiceEntryObject or WorkloadEntryObject or PodObject)
        .Where(@object => WaypointLabels.RequestOf(@object.Metadata.Labels, StringMap.Empty, @object is NamespaceObject ? @object.Metadata.Name : @object.Metadata.Namespace)
            is WaypointRequest.Named named && named.Gateway == waypoint)
        .Select(@object => @object.Key)
        .Order(ObjectKey.Order);

    /// <summary>Why what is bound to it is refused; null when it is not for want of a pod or of the Service by which its pods are found.</summary>
    public string? WhyRefused(ManifestEditor manifests)
    {
        string name = $"{Gateway.Metadata.Namespace}/{Gateway.Metadata.Name}";
        const string Refused = "what is bound to it is refused until";
        if (Pods == 0)
            return $"no pod serves {name} yet: {Refused} one does";
        if (ReadyPods == 0)
            return $"no pod that serves {name} is ready yet: {Refused} one is";
        return manifests.Find(new ObjectKey(ObjectKind.Service, Gateway.Metadata.Namespace, Gateway.Metadata.Name)) is null
            ? $"there is no Service {name} yet, by which its pods are found: {Refused} there is"
            : null;
    }

    /// <summary>The row of a table, as <see cref="Header"/> heads it.</summary>
    public string[] Row() =>
    [
        Gateway.Metadata.Namespace,
        Gateway.Metadata.Name,
        Gateway.Metadata.Labels["istio.io/waypoint-for"] ?? "service",
        Gateway.Metadata.Labels["istio.io/rev"] ?? "default",
        $"{ReadyPods}/{Pods}",
        $"{Bindings.Count}",
    ];

    /// <summary>What <see cref="Row"/> says, column by column.</summary>
    public static string[] Header() => ["NAMESPACE", "NAME", "FOR", "REVISION", "READY", "BOUND"];

    /// <summary>Its state in lines to read.</summary>
    public IEnumerable<string> Describe()
    {
        yield return $"{Gateway.Metadata.Namespace}/{Gateway.Metadata.Name}: {ReadyPods} of {Pods} pods ready"
            + (ReadyPods == 0 ? "; what is bound to it is refused" : "");
        foreach ((string what, WaypointBinding binding) in Bindings)
            yield return $"  {what}: {binding.Reason}{(binding.Message.Length > 0 ? $": {binding.Message}" : "")}";
    }
}
