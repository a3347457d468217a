using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>What a policy is attached to. <paramref name="Group"/> is empty for core kinds such as Service.</summary>
public sealed record PolicyTarget(string Group, string Kind, string Name)
{
    /// <summary>Which kind of the model's it names; null for one that policies cannot be attached to.</summary>
    internal PolicyAttachmentKind? Attachment => (Group, Kind) switch
    {
        ("gateway.networking.k8s.io", "Gateway") => PolicyAttachmentKind.Gateway,
        ("gateway.networking.k8s.io", "GatewayClass") => PolicyAttachmentKind.GatewayClass,
        ("" or "core", "Service") => PolicyAttachmentKind.Service,
        ("networking.istio.io", "ServiceEntry") => PolicyAttachmentKind.ServiceEntry,
        _ => null,
    };
}
