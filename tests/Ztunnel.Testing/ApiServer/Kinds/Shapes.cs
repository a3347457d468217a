namespace Ztunnel.Testing.Api;

/// <summary>The shapes of the kinds, as their definitions mark them (list types, map types, merge keys).</summary>
internal static class Shapes
{
    private static readonly string[] EveryObject = ["metadata.finalizers{}", "metadata.ownerReferences[uid]"];

    private static readonly string[] WithConditions = [.. EveryObject, "status.conditions[type]"];

    private static readonly string[] OfPodSpec =
    [
        .. Containers("containers"), .. Containers("initContainers"), .. Containers("ephemeralContainers"),
        "volumes[name]", "imagePullSecrets[name]", "hostAliases[ip]", "topologySpreadConstraints[topologyKey,whenUnsatisfiable]",
        "nodeSelector!", "resourceClaims[name]", "schedulingGates[name]",
    ];

    /// <summary>Objects of which nothing but the metadata is said.</summary>
    public static readonly Shape Any = Shape.Of(EveryObject);

    /// <summary>Objects that have conditions.</summary>
    public static readonly Shape Conditioned = Shape.Of(WithConditions);

    /// <summary>Pods.</summary>
    public static readonly Shape Pod = Shape.Of(
        [.. WithConditions, .. OfPodSpec.Select(path => $"spec.{path}"), "status.podIPs[ip]", "status.hostIPs[ip]"]);

    /// <summary>What makes pods by a template.</summary>
    public static readonly Shape Template = Shape.Of(
        [.. WithConditions, "spec.selector!", .. OfPodSpec.Select(path => $"spec.template.spec.{path}")]);

    /// <summary>Services.</summary>
    public static readonly Shape Service = Shape.Of(
        [.. WithConditions, "spec.ports[port,protocol]", "spec.selector!"]);

    /// <summary>Nodes.</summary>
    public static readonly Shape Node = Shape.Of([.. WithConditions, "status.addresses[type]", "spec.podCIDRs{}"]);

    /// <summary>Service accounts.</summary>
    public static readonly Shape ServiceAccount = Shape.Of([.. EveryObject, "secrets[name]"]);

    /// <summary>Gateways of the Gateway API.</summary>
    public static readonly Shape Gateway = Shape.Of(
        [.. WithConditions, "spec.listeners[name]", "status.listeners[name]", "status.listeners[].conditions[type]"]);

    /// <summary>Policies and budgets whose selector is one value.</summary>
    public static readonly Shape Selecting = Shape.Of([.. WithConditions, "spec.selector!", "spec.podSelector!"]);

    /// <summary>Bindings of roles.</summary>
    public static readonly Shape RoleBinding = Shape.Of([.. EveryObject, "roleRef!"]);

    private static IEnumerable<string> Containers(string name) =>
    [
        $"{name}[name]", $"{name}[].ports[containerPort,protocol]", $"{name}[].env[name]", $"{name}[].volumeMounts[mountPath]",
        $"{name}[].volumeDevices[devicePath]", $"{name}[].env[].valueFrom.fieldRef!", $"{name}[].env[].valueFrom.configMapKeyRef!",
        $"{name}[].env[].valueFrom.secretKeyRef!", $"{name}[].env[].valueFrom.resourceFieldRef!", $"{name}[].resources.claims[name]",
    ];
}
