using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>An open connection as the diagnostics endpoint shows it.</summary>
/// <param name="Workload">The pod of this node whose connection it is.</param>
/// <param name="Direction">Whether that pod opened it or was connected to.</param>
/// <param name="Source">The client's address.</param>
/// <param name="OriginalDestination">The address the client asked for: a service's virtual IP, or an application's own.</param>
/// <param name="Destination">Where the bytes go next.</param>
/// <param name="HboneAddress">The CONNECT authority; null without a tunnel.</param>
/// <param name="BytesSent">Payload bytes the pod sent so far.</param>
/// <param name="BytesReceived">Payload bytes the pod received so far.</param>
/// <param name="Age">Time since it was accepted.</param>
public sealed record ConnectionSnapshot(
    Workload Workload,
    ConnectionDirection Direction,
    IPEndPoint Source,
    IPEndPoint OriginalDestination,
    IPEndPoint Destination,
    string? HboneAddress,
    long BytesSent,
    long BytesReceived,
    TimeSpan Age);
