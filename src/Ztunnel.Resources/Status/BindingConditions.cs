using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>How Services and ServiceEntries stand with the waypoints they ask for, in Istio's conditions.</summary>
public static class BindingConditions
{
    /// <summary>The type of the condition of what asks for a waypoint.</summary>
    public const string Bound = "istio.io/WaypointBound";

    /// <summary>The type of the condition of a ServiceEntry of which nothing comes without a waypoint.</summary>
    public const string Missing = "istio.io/WaypointMissing";

    /// <summary>The condition of a Service; none where it asks for no waypoint.</summary>
    /// <param name="service">The Service.</param>
    /// <param name="namespaceLabels">The labels of its namespace.</param>
    /// <param name="mesh">The mesh.</param>
    public static IEnumerable<StatusCondition> OfService(ServiceObject service, StringMap namespaceLabels, MeshState mesh)
    {
        ArgumentNullException.ThrowIfNull(service);
        ArgumentNullException.ThrowIfNull(mesh);
        WaypointBinding? binding = mesh.ServiceByName(ObjectTranslation.NameOf(service)) is { } known ? mesh.WaypointOf(known) : null;
        return binding is null ? [] : [Describe(binding, service.Metadata.Labels, namespaceLabels)];
    }

    /// <summary>The conditions of a ServiceEntry.</summary>
    /// <param name="entry">The ServiceEntry.</param>
    /// <param name="labels">Its labels.</param>
    /// <param name="namespaceLabels">The labels of its namespace.</param>
    /// <param name="mesh">The mesh.</param>
    public static IEnumerable<StatusCondition> OfEntry(ObjectKey entry, StringMap labels, StringMap namespaceLabels, MeshState mesh)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(mesh);
        WaypointBinding? binding = null;
        bool byWaypointOnly = false;
        foreach (Service service in mesh.ServicesOfEntry(entry.Namespace, entry.Name))
        {
            binding ??= mesh.WaypointOf(service);
            byWaypointOnly |= service.Hostname.StartsWith('*') && service.VirtualIps.IsEmpty && service.Entry is { Ranges.Count: 0 };
        }

        if (binding is not null)
            yield return Describe(binding, labels, namespaceLabels);
        if (byWaypointOnly && binding is not { Bound: true })
            yield return new StatusCondition(Missing, true, "NoWaypointForWildcardService", "ServiceEntry will not apply until it is bound to a valid waypoint.");
    }

    private static StatusCondition Describe(WaypointBinding binding, StringMap labels, StringMap namespaceLabels)
    {
        bool asked = (labels[WaypointLabels.IngressUseWaypoint] ?? namespaceLabels[WaypointLabels.IngressUseWaypoint]) is not null;
        string ingress = binding.Bound && asked && !WaypointLabels.IngressUsesWaypoint(labels, namespaceLabels)
            ? $". Ingress traffic is not using the waypoint, set the {WaypointLabels.IngressUseWaypoint} label to true if desired."
            : "";
        return new StatusCondition(Bound, binding.Bound, binding.Reason.ToString(), binding.Message + ingress);
    }
}
