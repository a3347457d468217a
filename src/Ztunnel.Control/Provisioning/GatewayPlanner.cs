using Ztunnel.Mesh;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>
/// Decides what is to be there for a Gateway. Pure. Names, labels and settings are those of Istio's gateway deployment
/// controller, so that either side can take over from the other.
/// </summary>
public static class GatewayPlanner
{
    /// <summary>What is to be done about a Gateway.</summary>
    public static GatewayPlan Plan(GatewayInputs inputs, ProvisioningOptions options)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(options);
        GatewayObject gateway = inputs.Gateway;
        string? controller = GatewayControllers.ControllerOf(gateway.ClassName, inputs.Class);
        if (!IsOurs(gateway.Metadata.Labels, inputs.NamespaceLabels, options.Revision) || !GatewayControllers.IsOurs(controller))
            return new GatewayPlan.Foreign();
        if (controller == GatewayControllers.Remote || gateway.IsRunByOthers)
            return new GatewayPlan.Unmanaged();
        try
        {
            return Make(inputs, controller!, options);
        }
        catch (FormatException fault)
        {
            return new GatewayPlan.Invalid(fault.Message);
        }
    }

    /// <summary>Whether an object is our revision's: by its own label, or its namespace's.</summary>
    public static bool IsOurs(StringMap labels, StringMap namespaceLabels, string revision)
    {
        ArgumentNullException.ThrowIfNull(labels);
        ArgumentNullException.ThrowIfNull(namespaceLabels);
        string named = labels[GatewayLabels.Revision] ?? namespaceLabels[GatewayLabels.Revision] ?? ProvisioningOptions.DefaultRevision;
        return string.Equals(named, revision, StringComparison.Ordinal);
    }

    private static GatewayPlan.Managed Make(GatewayInputs inputs, string controller, ProvisioningOptions options)
    {
        GatewayObject gateway = inputs.Gateway;
        if (gateway.ParametersFault() is { } fault)
            throw new FormatException(fault);
        if (gateway.ParametersName is { } parameters && inputs.Parameters is null)
            throw new FormatException($"ConfigMap {gateway.Metadata.Namespace}/{parameters} does not exist");
        GatewayShape shape = Shape(inputs, controller, options.Revision);
        MadeObject[] plain = [.. AccountTemplate.Make(shape), DeploymentTemplate.Make(shape, options), ServiceTemplate.Make(shape)];
        ParametersMap[] maps = [.. new[] { inputs.ClassDefaults, inputs.Parameters }.OfType<ParametersMap>()];
        return new GatewayPlan.Managed([.. Overlays.Apply(shape, plain, maps)], shape.ServiceAccount);
    }

    private static GatewayShape Shape(GatewayInputs inputs, string controller, string revision)
    {
        GatewayObject gateway = inputs.Gateway;
        bool waypoint = controller == GatewayControllers.Waypoint;
        string name = GatewayNaming.NameOf(gateway, controller);
        string account = gateway.Metadata.Annotations[GatewayLabels.ServiceAccount] is { Length: > 0 } given ? given : GatewayNaming.UsualNameOf(gateway, controller);
        if (KubernetesSyntax.LabelValueFault(gateway.Metadata.Name) is { } labelFault)
            throw new FormatException($"metadata.name: is the label {GatewayLabels.Name} of the pods, which {labelFault}");
        if (KubernetesSyntax.LabelFault(name) is { } nameFault)
            throw new FormatException($"a Service cannot be called {name}: a name {nameFault}; annotate the Gateway with {GatewayNaming.NameOverride}");
        if (KubernetesSyntax.SubdomainFault(account) is { } accountFault)
            throw new FormatException($"metadata.annotations[{GatewayLabels.ServiceAccount}]: {accountFault}");
        return new GatewayShape
        {
            Gateway = gateway,
            Waypoint = waypoint,
            Controller = controller,
            Name = name,
            ServiceAccount = account,
            Secrets = inputs.Secrets,
            Revision = revision,
            ServiceType = TypeOf(gateway) ?? (waypoint ? ServiceTemplate.ClusterIp : ServiceTemplate.LoadBalancer),
        };
    }

    private static string? TypeOf(GatewayObject gateway)
    {
        string? type = gateway.InfrastructureAnnotations[GatewayLabels.ServiceType] ?? gateway.Metadata.Annotations[GatewayLabels.ServiceType];
        return type is null or ServiceTemplate.ClusterIp or ServiceTemplate.LoadBalancer or ServiceTemplate.NodePort
            ? type
            : throw new FormatException(
                $"metadata.annotations[{GatewayLabels.ServiceType}]: expected {ServiceTemplate.LoadBalancer}, {ServiceTemplate.ClusterIp} or {ServiceTemplate.NodePort}, got \"{type}\"");
    }
}
