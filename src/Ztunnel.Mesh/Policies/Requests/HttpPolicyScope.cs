using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>Whose requests are judged: those through a gateway, and at a waypoint of those the ones for one service.</summary>
/// <param name="Gateway">The gateway.</param>
/// <param name="Instance">
/// The gateway's own workload, whose labels and namespace tell which policies about workloads are its own; null where none are.
/// </param>
/// <param name="Service">At a waypoint the service, if the requests are for one.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct HttpPolicyScope(GatewayName Gateway, Workload? Instance, HttpPolicyTarget? Service);

/// <summary>A service that policies can be attached to.</summary>
/// <param name="Kind"><see cref="PolicyAttachmentKind.Service"/> or <see cref="PolicyAttachmentKind.ServiceEntry"/>.</param>
/// <param name="Name">Its name.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct HttpPolicyTarget(PolicyAttachmentKind Kind, ServiceName Name);
