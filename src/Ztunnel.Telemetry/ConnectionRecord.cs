using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Telemetry;

/// <summary>
/// What is known of one connection: filled by the data path as it learns, handed to <see cref="AccessLog.Write(ConnectionRecord)"/> once
/// when the connection ended or was refused, and not touched after that. It only refers to objects of the model, so that
/// turning them into text costs the writer's thread and not the event loop.
/// The fields and their meaning are those of Istio ztunnel's access log.
/// </summary>
public sealed class ConnectionRecord
{
    /// <summary>Which way the connection crossed this node's workload.</summary>
    public required ConnectionDirection Direction { get; init; }

    /// <summary><c>src.addr</c>: the client's address as the application server is shown it.</summary>
    public required IPEndPoint Source { get; init; }

    /// <summary><c>src.workload</c> and <c>src.namespace</c>: the workload that opened the connection; null when its address is nobody's we know.</summary>
    public Workload? SourceWorkload { get; set; }

    /// <summary><c>src.identity</c>: the identity proved by the client's certificate; null where the connection was not mutual TLS.</summary>
    public SpiffeId? SourceIdentity { get; set; }

    /// <summary>
    /// <c>dst.addr</c>: where the bytes went next. Outbound through a tunnel that is the next hop (port 15008), with the
    /// application's address in <see cref="HboneAddress"/>; otherwise the application's address.
    /// </summary>
    public required IPEndPoint Destination { get; set; }

    /// <summary><c>dst.hbone_addr</c>: the authority of the CONNECT request (<c>ip:port</c> or <c>hostname:port</c>); null without a tunnel.</summary>
    public string? HboneAddress { get; set; }

    /// <summary><c>dst.service</c>: the service the client asked for; null when it asked for an address.</summary>
    public Service? DestinationService { get; set; }

    /// <summary><c>dst.workload</c> and <c>dst.namespace</c>: the chosen endpoint; null when nobody we know.</summary>
    public Workload? DestinationWorkload { get; set; }

    /// <summary><c>dst.identity</c>: the identity of the destination's certificate; null where the connection was not mutual TLS.</summary>
    public SpiffeId? DestinationIdentity { get; set; }

    /// <summary><c>bytes_sent</c>: payload bytes the workload on this node sent.</summary>
    public long BytesSent { get; set; }

    /// <summary><c>bytes_recv</c>: payload bytes the workload on this node received.</summary>
    public long BytesReceived { get; set; }

    /// <summary><c>duration</c>, from accept to the end of both directions; written in whole milliseconds.</summary>
    public TimeSpan Duration { get; set; }

    /// <summary><c>error</c>: why the connection failed or was refused, one line, without secrets; null when it ended in order.</summary>
    public string? Error { get; set; }

    /// <summary>
    /// True when the connection was turned away before anything was decided about it (a failed TLS handshake, an unknown
    /// workload): written as a warning <c>connection failed</c> without counts, as ztunnel does.
    /// </summary>
    public bool RefusedEarly { get; init; }
}
