using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>Works out what the status of an object is to say, of everything that is known at the moment.</summary>
internal sealed class StatusBoard(KnownObjects objects, ResourceInventory inventory, MeshState mesh, TranslatorOptions options, string revision)
{
    /// <summary>What keeps a Gateway from being made; null for nothing. Set by who makes them.</summary>
    public Func<GatewayName, ProvisioningFault?> FaultOf { get; set; } = static _ => null;

    /// <summary>What an object's status is to say; null where we say nothing of it.</summary>
    public GatewayApiStatus? Wanted(ObjectKey key)
    {
        if (key.Kind == ObjectKind.Gateway)
            return IsOurs(new GatewayName(key.Namespace, key.Name)) && inventory.StatusOf(key) is { } gateway ? WithFault(gateway) : null;
        if (key.Kind == ObjectKind.Service)
            return objects.Find<ServiceObject>(key) is { } service ? Status(service, BindingConditions.OfService(service, LabelsOf(key.Namespace), mesh)) : null;
        if (key.Kind == ObjectKind.AuthorizationPolicy || key.Kind == ObjectKind.RequestAuthentication || key.Kind == ObjectKind.PeerAuthentication)
            return objects.Find<KubernetesObject>(key) is { } policy ? Status(policy, PolicyConditions.Of(policy, mesh, options, ClassOf)) : null;
        GatewayApiStatus? status = inventory.StatusOf(key);
        if (key.Kind == ObjectKind.ServiceEntry && objects.Find<ServiceEntryObject>(key) is { } entry && status is not null)
            return status with { Conditions = [.. status.Conditions, .. BindingConditions.OfEntry(key, entry.Metadata.Labels, LabelsOf(key.Namespace), mesh)] };
        return status is { Parents.Count: > 0 } ? status with { Parents = [.. status.Parents.Where(parent => IsOurs(parent.Parent, key.Namespace))] } : status;
    }

    /// <summary>Whether a Gateway's class and revision are ours; one that is not known is nobody else's.</summary>
    private bool IsOurs(GatewayName name) =>
        objects.Find<GatewayObject>(new ObjectKey(ObjectKind.Gateway, name.Namespace, name.Name)) is not { } gateway
        || (GatewayPlanner.IsOurs(gateway.Metadata.Labels, LabelsOf(name.Namespace), revision)
            && GatewayControllers.IsOurs(GatewayControllers.ControllerOf(gateway.ClassName, ClassOf(gateway.ClassName))));

    private bool IsOurs(ParentReference parent, string own) =>
        parent.Kind is not (null or "Gateway") || IsOurs(new GatewayName(parent.Namespace ?? own, parent.Name));

    private GatewayApiStatus WithFault(GatewayApiStatus status) =>
        FaultOf(new GatewayName(status.Object.Namespace, status.Object.Name)) is { } fault ? fault.Apply(status) : status;

    private StringMap LabelsOf(string @namespace) =>
        objects.Find<NamespaceObject>(new ObjectKey(ObjectKind.Namespace, "", @namespace))?.Metadata.Labels ?? StringMap.Empty;

    private GatewayClassObject? ClassOf(string name) => objects.Find<GatewayClassObject>(new ObjectKey(ObjectKind.GatewayClass, "", name));

    private static GatewayApiStatus Status(KubernetesObject @object, IEnumerable<StatusCondition> conditions) =>
        GatewayApiStatus.Of(@object) with { Conditions = [.. conditions] };
}
