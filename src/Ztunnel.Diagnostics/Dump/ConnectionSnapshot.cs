using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Diagnostics;

/// <summary>One open connection of one of this node's workloads.</summary>
/// <param name="Workload">The workload on this node.</param>
/// <param name="Direction">Whether that workload opened or received it.</param>
/// <param name="Source">The client's address.</param>
/// <param name="OriginalDestination">The address or authority asked for, where it differs from <paramref name="Destination"/>.</param>
/// <param name="Destination">The next hop, or the application's address.</param>
/// <param name="Tunnelled">Whether it is carried through HBONE.</param>
public sealed record ConnectionSnapshot(
    Workload Workload,
    ConnectionDirection Direction,
    string Source,
    string? OriginalDestination,
    string Destination,
    bool Tunnelled);
