using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Diagnostics;

/// <summary>How a ServiceEntry stands with its waypoint, in Istio's conditions.</summary>
internal static class EntryConditions
{
    public static IEnumerable<StatusCondition> Of(ObjectKey entry, MeshState mesh)
    {
        WaypointBinding? binding = null;
        bool byWaypointOnly = false;
        foreach (Service service in mesh.ServicesOfEntry(entry.Namespace, entry.Name))
        {
            binding ??= mesh.WaypointOf(service);
            byWaypointOnly |= service.Hostname.StartsWith('*') && service.VirtualIps.IsEmpty && service.Entry is { Ranges.Count: 0 };
        }

        if (binding is not null)
            yield return new StatusCondition("istio.io/WaypointBound", binding.Bound, binding.Reason.ToString(), binding.Message);
        if (byWaypointOnly && binding is not { Bound: true })
        {
            yield return new StatusCondition(
                "istio.io/WaypointMissing", true, "NoWaypointForWildcardService", "ServiceEntry will not apply until it is bound to a valid waypoint.");
        }
    }
}
