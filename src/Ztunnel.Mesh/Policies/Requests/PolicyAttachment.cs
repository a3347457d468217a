namespace Ztunnel.Mesh;

/// <summary>What a policy is attached to by <c>targetRef</c> or <c>targetRefs</c>.</summary>
/// <param name="Kind">Its kind.</param>
/// <param name="Namespace">Its namespace, which is the policy's own; empty for a class, which has none.</param>
/// <param name="Name">Its name.</param>
public sealed record PolicyAttachment(PolicyAttachmentKind Kind, string Namespace, string Name)
{
    /// <summary>The form messages use: <c>Gateway namespace/name</c>, <c>GatewayClass name</c>.</summary>
    public override string ToString() => Namespace.Length == 0 ? $"{Kind} {Name}" : $"{Kind} {Namespace}/{Name}";
}

/// <summary>The kinds that policies can be attached to.</summary>
public enum PolicyAttachmentKind
{
    /// <summary>A Gateway: all requests through it.</summary>
    Gateway,

    /// <summary>A GatewayClass, by a policy of the root namespace: all requests through waypoints of that class.</summary>
    GatewayClass,

    /// <summary>A Service: the requests to it that its waypoint sees.</summary>
    Service,

    /// <summary>A ServiceEntry: the requests to its hosts that its waypoint sees.</summary>
    ServiceEntry,
}
