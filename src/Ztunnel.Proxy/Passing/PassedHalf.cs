using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Proxy;

/// <summary>A passed connection as one of one pod: whose it is, what its log line will say, and by what it was let in.</summary>
public sealed record PassedHalf
{
    /// <summary>The pod's uid.</summary>
    public required string Pod { get; init; }

    /// <summary>The pod's namespace, by inode: the same uid in another is another pod's.</summary>
    public required ulong NetworkNamespace { get; init; }

    /// <summary>Whether the pod opened it or was connected to.</summary>
    public required ConnectionDirection Direction { get; init; }

    /// <summary>The client's address.</summary>
    public required string Source { get; init; }

    /// <summary>The client's uid; null when nobody known.</summary>
    public string? SourceWorkload { get; init; }

    /// <summary>Who the client is known to be; null in plaintext.</summary>
    public string? SourceIdentity { get; init; }

    /// <summary>The address that the client asked for.</summary>
    public required string OriginalDestination { get; init; }

    /// <summary>Where the bytes go.</summary>
    public required string Destination { get; init; }

    /// <summary>The service that was asked for, if one was.</summary>
    public ServiceName? DestinationService { get; init; }

    /// <summary>The server's uid; null when nobody known.</summary>
    public string? DestinationWorkload { get; init; }

    /// <summary>Who the server is known to be; null in plaintext.</summary>
    public string? DestinationIdentity { get; init; }

    /// <summary>The source that the pod's gate let in, of a connection into the pod.</summary>
    public string? AdmittedSource { get; init; }

    internal static PassedHalf Of(PodProxy pod, ConnectionRecord record, IPEndPoint originalDestination, InboundRequest? admitted) => new()
    {
        Pod = pod.Workload.Uid,
        NetworkNamespace = pod.NetworkNamespace,
        Direction = record.Direction,
        Source = record.Source.ToString(),
        SourceWorkload = record.SourceWorkload?.Uid,
        SourceIdentity = record.SourceIdentity?.ToString(),
        OriginalDestination = originalDestination.ToString(),
        Destination = record.Destination.ToString(),
        DestinationService = record.DestinationService?.Name,
        DestinationWorkload = record.DestinationWorkload?.Uid,
        DestinationIdentity = record.DestinationIdentity?.ToString(),
        AdmittedSource = admitted?.Source.ToString(),
    };

    /// <summary>What the log will say. Objects of the model that are gone since are left out. Throws <see cref="FormatException"/>.</summary>
    internal ConnectionRecord ToRecord(MeshState mesh) => new()
    {
        Direction = Direction,
        Source = IPEndPoint.Parse(Source),
        SourceWorkload = SourceWorkload is null ? null : mesh.WorkloadByUid(SourceWorkload),
        SourceIdentity = SourceIdentity is null ? null : SpiffeId.Parse(SourceIdentity),
        Destination = IPEndPoint.Parse(Destination),
        DestinationService = DestinationService is null ? null : mesh.ServiceByName(DestinationService),
        DestinationWorkload = DestinationWorkload is null ? null : mesh.WorkloadByUid(DestinationWorkload),
        DestinationIdentity = DestinationIdentity is null ? null : SpiffeId.Parse(DestinationIdentity),
    };

    /// <summary>What the pod's gate is to judge; null of a connection out of the pod.</summary>
    internal InboundRequest? ToRequest(ConnectionRecord record) =>
        AdmittedSource is null ? null : new InboundRequest(IPAddress.Parse(AdmittedSource), record.SourceIdentity, record.Destination);
}
