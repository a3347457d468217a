namespace Ztunnel.Resources;

/// <summary>An Istio <c>Telemetry</c>. It is known, and has no effect yet.</summary>
public sealed record TelemetryObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.Telemetry;
}
