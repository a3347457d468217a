using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>One pod of a gateway: which gateway, and which workload it is.</summary>
internal sealed record GatewayInstance(GatewayName Name, Workload Workload);
