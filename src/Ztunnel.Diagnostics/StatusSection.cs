using Ztunnel.Resources;

namespace Ztunnel.Diagnostics;

/// <summary>The statuses of Gateway API objects in the shape of the dump.</summary>
internal static class StatusSection
{
    public static IReadOnlyList<StatusDump> Describe(InventorySnapshot inventory) => [.. inventory.Statuses.Select(Describe)];

    private static StatusDump Describe(GatewayApiStatus status)
    {
        ObjectKey key = status.Object;
        bool isGateway = key.Kind == ObjectKind.Gateway;
        bool isRoute = !isGateway && status.Conditions.Count == 0;
        return new StatusDump
        {
            Kind = key.Kind.Name,
            Object = key.Namespace.Length == 0 ? key.Name : $"{key.Namespace}/{key.Name}",
            ObservedGeneration = status.Generation > 0 ? status.Generation : null,
            Conditions = isRoute ? null : Describe(status.Conditions),
            Addresses = isGateway ? [.. status.Addresses.Select(address => address.Value)] : null,
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
