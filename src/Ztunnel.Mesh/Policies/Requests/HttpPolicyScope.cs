using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>Whose requests are judged: those through a gateway pod, and at a waypoint of those the ones for one service.</summary>
/// <param name="Gateways">The Gateways the pod serves; the same object as long as they are the same.</param>
/// <param name="Instance">
/// For requests through a listener the gateway's own workload, of which those policies hold that are about workloads. Null at a
/// waypoint, which stands for others.
/// </param>
/// <param name="Service">At a waypoint the service, if the requests are for one.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct HttpPolicyScope(IReadOnlyCollection<GatewayName> Gateways, Workload? Instance, HttpPolicyTarget? Service)
{
    /// <summary>The one of them whose listener the requests came to: what is attached to the others is not about those. Null for all.</summary>
    public GatewayName? Gateway { get; init; }
}

/// <summary>A service that policies can be attached to.</summary>
/// <param name="Kind"><see cref="PolicyAttachmentKind.Service"/> or <see cref="PolicyAttachmentKind.ServiceEntry"/>.</param>
/// <param name="Name">Its name.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct HttpPolicyTarget(PolicyAttachmentKind Kind, ServiceName Name);
