using Ztunnel.Capture;
using Ztunnel.Mesh;
using Ztunnel.Proxy;
using Ztunnel.Telemetry;

namespace Ztunnel.Diagnostics;

/// <summary>The captured pods and their connections in the shape of the dump.</summary>
internal static class WorkloadStateSection
{
    public static IReadOnlyDictionary<string, WorkloadStateDump> Describe(
        IReadOnlyList<PodStatus> pods, IReadOnlyList<ConnectionSnapshot> connections)
    {
        ILookup<string, ConnectionSnapshot> open = connections.ToLookup(connection => connection.Workload.Uid, StringComparer.Ordinal);
        var states = new SortedDictionary<string, WorkloadStateDump>(StringComparer.Ordinal);
        foreach (PodStatus pod in pods)
            states[pod.Workload.Uid] = Describe(pod, open[pod.Workload.Uid]);

        // Connections may outlive what capture knows of their pod.
        foreach (IGrouping<string, ConnectionSnapshot> left in open.Where(left => !states.ContainsKey(left.Key)))
            states[left.Key] = new WorkloadStateDump { State = "Draining", Connections = Describe(left) };
        return states;
    }

    private static WorkloadStateDump Describe(PodStatus pod, IEnumerable<ConnectionSnapshot> connections)
    {
        Workload workload = pod.Workload;
        (string state, string? reason) = pod.State switch
        {
            EnrolmentState.Enrolled => ("Up", null),
            EnrolmentState.Pending pending => ("Pending", pending.Detail),
            EnrolmentState.Failed failed => ("Failed", $"{failed.Reason}: {failed.Detail}"),
            EnrolmentState.Removing removing => ("Draining", removing.Detail),
            EnrolmentState other => (other.GetType().Name, (string?)null),
        };
        return new WorkloadStateDump
        {
            State = state,
            Connections = Describe(connections),
            Info = new WorkloadInfoDump(workload.Name, workload.Namespace, workload.Identity.TrustDomain, workload.ServiceAccount),
            Capture = new CaptureDump(pod.Since, reason, pod.NetworkNamespace, pod.Attempts, pod.Repairs, pod.LastRepair, Describe(pod.Probes), Describe(pod.Uncaptured)),
        };
    }

    private static ProbesDump? Describe(ProbeStatus? probes) => probes is null ? null : new ProbesDump(probes.Works, probes.Detail, probes.At);

    private static UncapturedDump? Describe(UncapturedSpan? span) => span is null ? null : new UncapturedDump(span.Since, span.Until);

    private static ConnectionsDump Describe(IEnumerable<ConnectionSnapshot> connections)
    {
        ILookup<ConnectionDirection, ConnectionDump> byDirection = connections.ToLookup(
            connection => connection.Direction,
            connection => new ConnectionDump(
                connection.Source.ToString(),
                connection.OriginalDestination.ToString(),
                connection.Destination.ToString(),
                connection.HboneAddress is null ? "TCP" : "HBONE",
                connection.HboneAddress,
                connection.BytesSent,
                connection.BytesReceived,
                (long)connection.Age.TotalMilliseconds));
        return new ConnectionsDump([.. byDirection[ConnectionDirection.Inbound]], [.. byDirection[ConnectionDirection.Outbound]]);
    }
}
