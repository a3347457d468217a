namespace Ztunnel.Resources;

/// <summary>A Gateway API <c>GatewayClass</c>, version v1 or v1beta1.</summary>
public sealed record GatewayClassObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.GatewayClass;

    /// <summary><c>spec.controllerName</c>: whose Gateways of this class are to make.</summary>
    public required string ControllerName { get; init; }
}
