namespace Ztunnel.Telemetry;

/// <summary>Which way a connection crossed the workload on this node.</summary>
public enum ConnectionDirection
{
    /// <summary>The workload on this node opened it (seen by the source's node).</summary>
    Outbound,

    /// <summary>The workload on this node received it (seen by the destination's node).</summary>
    Inbound,
}
