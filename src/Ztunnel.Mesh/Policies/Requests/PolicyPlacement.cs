namespace Ztunnel.Mesh;

/// <summary>Where a policy that is attached to something is enforced.</summary>
/// <param name="Attachment">What it is attached to.</param>
/// <param name="Gateway">The gateway that enforces it; null where none does, and for a class, whose gateways all do.</param>
/// <param name="Fault">Why nothing enforces it, in Istio's words for its conditions; null where something does.</param>
public sealed record PolicyPlacement(PolicyAttachment Attachment, GatewayName? Gateway, string? Fault)
{
    /// <summary>The <see cref="Fault"/> of one whose target does not exist.</summary>
    public const string TargetNotFound = "TargetNotFound";

    /// <summary>The form diagnostics use: <c>Gateway namespace/name</c>, or what it is attached to and why that has no effect.</summary>
    public override string ToString() => Fault is not null ? $"{Attachment}: {Fault}"
        : Gateway is null ? Attachment.ToString()
        : Attachment.Kind == PolicyAttachmentKind.Gateway ? $"Gateway {Gateway}" : $"Gateway {Gateway} for {Attachment}";
}
