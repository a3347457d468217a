using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Diagnostics;

/// <summary>The statuses of objects of Gateway API and of Istio's in the shape of the dump.</summary>
internal static class StatusSection
{
    private static readonly HashSet<ObjectKind> Routes = [ObjectKind.HttpRoute, ObjectKind.GrpcRoute, ObjectKind.TlsRoute, ObjectKind.TcpRoute];

    public static IReadOnlyList<StatusDump> Describe(InventorySnapshot inventory, MeshState mesh) => [.. inventory.Statuses.Select(status => Describe(status, mesh))];

    private static StatusDump Describe(GatewayApiStatus status, MeshState mesh)
    {
        ObjectKey key = status.Object;
        bool isGateway = key.Kind == ObjectKind.Gateway;
        bool isEntry = key.Kind == ObjectKind.ServiceEntry;
        bool isRoute = Routes.Contains(key.Kind);
        return new StatusDump
        {
            Kind = key.Kind.Name,
            Object = key.Namespace.Length == 0 ? key.Name : $"{key.Namespace}/{key.Name}",
            ObservedGeneration = status.Generation > 0 ? status.Generation : null,
            Conditions = isRoute ? null : Describe(isEntry ? status.Conditions.Concat(BindingConditions.OfEntry(key, StringMap.Empty, StringMap.Empty, mesh)) : status.Conditions),
            Addresses = isGateway ? [.. status.Addresses.Select(address => address.Value)]
                : isEntry ? [.. status.AssignedAddresses.Select(assigned => assigned.Host.Length == 0 ? $"{assigned.Address}" : $"{assigned.Address} {assigned.Host}")]
                : null,
            Listeners = isGateway ? [.. status.Listeners.Select(Describe)] : null,
            Parents = isRoute ? [.. status.Parents.Select(parent => Describe(parent, key))] : null,
        };
    }

    private static ListenerStatusDump Describe(ListenerStatus listener) =>
        new(listener.Name, [.. listener.SupportedKinds.Select(kind => kind.Kind)], listener.AttachedRoutes, Describe(listener.Conditions));

    private static ParentStatusDump Describe(ParentStatus parent, ObjectKey route) =>
        new(Describe(parent.Parent, route), parent.ControllerName, Describe(parent.Conditions));

    private static ConditionDump[] Describe(IEnumerable<StatusCondition> conditions) =>
    [
        .. conditions.Select(condition =>
            new ConditionDump(condition.Type, condition.Status ? "True" : "False", condition.Reason, condition.Message)),
    ];

    private static string Describe(ParentReference parent, ObjectKey route)
    {
        string section = parent.SectionName is null ? "" : $" sectionName {parent.SectionName}";
        string port = parent.Port is null ? "" : $" port {parent.Port}";
        return $"{parent.Kind ?? ObjectKind.Gateway.Name} {parent.Namespace ?? route.Namespace}/{parent.Name}{section}{port}";
    }
}
