using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>How policies are enforced, in Istio's conditions: by the nodes, or by what they are attached to.</summary>
public static class PolicyConditions
{
    /// <summary>The type of the condition of a policy that nodes enforce.</summary>
    public const string ByNodes = "ZtunnelAccepted";

    /// <summary>The type of the condition of a policy that is attached to something.</summary>
    public const string ByGateways = "WaypointAccepted";

    private const string Accepted = "Accepted";
    private const string Invalid = "Invalid";
    private const string Unsupported = "UnsupportedValue";
    private const string NotFound = "TargetNotFound";

    /// <summary>The conditions of a policy.</summary>
    /// <param name="policy">The policy.</param>
    /// <param name="mesh">The mesh.</param>
    /// <param name="options">How objects become the mesh.</param>
    /// <param name="classOf">Finds a class; null where there is none of that name.</param>
    public static ValueArray<StatusCondition> Of(
        KubernetesObject policy, MeshState mesh, TranslatorOptions options, Func<string, GatewayClassObject?> classOf)
    {
        ArgumentNullException.ThrowIfNull(policy);
        ArgumentNullException.ThrowIfNull(mesh);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(classOf);
        return policy switch
        {
            AuthorizationPolicyObject { Targets.Count: > 0 } attached => [Attached(attached, attached.Targets, mesh, options, classOf)],
            AuthorizationPolicyObject plain => [OnNodes(plain, PolicyTranslation.Authorization(plain, options))],
            RequestAuthenticationObject { Targets.Count: > 0 } attached => [Attached(attached, attached.Targets, mesh, options, classOf)],
            PeerAuthenticationObject peer => [OnNodes(PolicyTranslation.PeerAuthentication(peer, options))],
            _ => [],
        };
    }

    private static StatusCondition OnNodes(AuthorizationPolicyObject policy, AuthorizationPolicy translated)
    {
        if (policy.StandsIn)
            return new StatusCondition(ByNodes, false, Invalid, string.Join("; ", translated.Notes));
        if (policy.Action == PolicyAction.Custom)
            return new StatusCondition(ByNodes, false, Unsupported, "ztunnel does not support the CUSTOM action");
        if (translated.DroppedAttributes.IsEmpty)
            return new StatusCondition(ByNodes, true, Accepted, "attached to ztunnel");
        string consequence = policy.Action == PolicyAction.Deny
            ? "DENY policy with HTTP attributes is enforced without the HTTP rules. This will be more restrictive than requested."
            : $"Within an {policy.Action.ToString().ToUpperInvariant()} policy, rules matching HTTP attributes are omitted. This will be more restrictive than requested.";
        return new StatusCondition(
            ByNodes,
            true,
            Unsupported,
            $"ztunnel does not support HTTP attributes (found: {string.Join(", ", translated.DroppedAttributes)}). "
            + $"In ambient mode you must use a waypoint proxy to enforce HTTP rules. {consequence}");
    }

    private static StatusCondition OnNodes(PeerAuthentication policy) => policy.Enforcement == Enforcement.Full
        ? new StatusCondition(ByNodes, true, Accepted, "attached to ztunnel")
        : new StatusCondition(ByNodes, policy.Enforcement != Enforcement.None, Unsupported, string.Join("; ", policy.Notes));

    private static StatusCondition Attached(
        KubernetesObject policy, ValueArray<PolicyTarget> targets, MeshState mesh, TranslatorOptions options, Func<string, GatewayClassObject?> classOf)
    {
        Standing[] all = [.. targets.Select(target => Judge(policy, target, mesh, options, classOf))];
        if (all is [var only])
            return new StatusCondition(ByGateways, only.Bound, only.Reason, only.Message);
        Standing[] invalid = [.. all.Where(target => !target.Bound)];
        string names = string.Join(", ", invalid.Select(target => target.Name));
        if (invalid.Length == 0)
            return new StatusCondition(ByGateways, true, Accepted, $"bound to {string.Join(", ", all.Select(target => target.To).Distinct(StringComparer.Ordinal))}");
        return new StatusCondition(ByGateways, invalid.Length < all.Length, invalid.Length < all.Length ? "PartiallyInvalid" : Invalid, $"Invalid targetRefs: {names}");
    }

    private static Standing Judge(
        KubernetesObject policy, PolicyTarget target, MeshState mesh, TranslatorOptions options, Func<string, GatewayClassObject?> classOf)
    {
        string name = $"{target.Kind}.{(target.Group.Length == 0 ? "core" : target.Group)}:{policy.Metadata.Namespace}/{target.Name}";
        Standing refused(string reason, string message) => new(name, false, reason, message, "");
        if (target.Attachment is not { } kind)
            return refused(Invalid, $"policies cannot be attached to {target.Kind}");
        if (kind == PolicyAttachmentKind.GatewayClass)
            return JudgeClass(policy, target, options, classOf, refused, name);
        IPolicy alone = Alone(policy, target, options);
        PolicyPlacement placement = mesh.PlacementsOf(alone)[0];
        if (placement is { Fault: null, Gateway: { } gateway })
            return new Standing(name, true, Accepted, $"bound to {gateway}", $"{gateway}");
        return placement.Fault == PolicyPlacement.TargetNotFound
            ? refused(NotFound, $"{placement.Attachment} not found")
            : refused("AncestorNotBound", $"{placement.Attachment} is not bound to a waypoint");
    }

    private static Standing JudgeClass(
        KubernetesObject policy,
        PolicyTarget target,
        TranslatorOptions options,
        Func<string, GatewayClassObject?> classOf,
        Func<string, string, Standing> refused,
        string name)
    {
        if (!string.Equals(policy.Metadata.Namespace, options.RootNamespace, StringComparison.Ordinal))
            return refused(Invalid, $"{policy.Kind} must be in the root namespace {options.RootNamespace} to be about GatewayClass {target.Name}");
        if (classOf(target.Name) is not { } @class)
            return refused(NotFound, $"GatewayClass {target.Name} not found");
        return @class.ControllerName == GatewayControllers.Waypoint
            ? new Standing(name, true, Accepted, $"bound to GatewayClass {target.Name}", $"GatewayClass {target.Name}")
            : refused(Invalid, $"GatewayClass {target.Name} is not one of waypoints");
    }

    /// <summary>The policy as if it were attached to that target only.</summary>
    private static IPolicy Alone(KubernetesObject policy, PolicyTarget target, TranslatorOptions options) => policy is AuthorizationPolicyObject authorization
        ? PolicyTranslation.Authorization(authorization with { Targets = [target], Rules = [] }, options)
        : PolicyTranslation.RequestAuthentication((RequestAuthenticationObject)policy with { Targets = [target], Rules = [] }, options);

    /// <summary>How a policy stands with one of its targets.</summary>
    private sealed record Standing(string Name, bool Bound, string Reason, string Message, string To);
}
