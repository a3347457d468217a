using System.Net;
using Ztunnel.Telemetry;

namespace Ztunnel.Diagnostics;

/// <summary>One open connection of one of this node's workloads.</summary>
/// <param name="Pod">Uid of the pod on this node whose connection it is.</param>
/// <param name="Direction">Whether that pod opened it or was connected to.</param>
/// <param name="Source">The client's address.</param>
/// <param name="Destination">Where the bytes go next.</param>
/// <param name="HboneAddress">The CONNECT authority; null without a tunnel.</param>
public sealed record ConnectionSnapshot(
    string Pod, ConnectionDirection Direction, IPEndPoint Source, IPEndPoint Destination, string? HboneAddress);
