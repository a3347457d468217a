using System.Reflection;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Diagnostics;

/// <summary>
/// Reads a <see cref="ConfigDump"/> from the node's parts. A part that throws, or does not answer in time because its event
/// loop is stuck, costs its own section and is named in <see cref="ConfigDump.Errors"/>: the dump is needed most when
/// something is broken.
/// </summary>
public sealed class ConfigDumpReader
{
    private static readonly TimeSpan SectionTimeout = TimeSpan.FromSeconds(2);

    private static readonly string Version =
        typeof(ConfigDumpReader).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    private readonly NodeSnapshots _node;
    private readonly TimeProvider _time;

    /// <summary>A reader of <paramref name="node"/>.</summary>
    public ConfigDumpReader(NodeSnapshots node, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(node);
        _node = node;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Takes all snapshots and makes the document.</summary>
    public async Task<ConfigDump> Read(CancellationToken cancellationToken)
    {
        var errors = new SortedDictionary<string, string>(StringComparer.Ordinal);
        IReadOnlyList<EnrolmentSnapshot>? enrolments = await Take("enrolments", _node.Enrolments, errors, cancellationToken);
        IReadOnlyList<ConnectionSnapshot>? connections = await Take("connections", _node.Connections, errors, cancellationToken);
        return new ConfigDump
        {
            Node = _node.Node,
            Version = Version,
            Workloads = await Take("workloads", _ => ValueTask.FromResult(MeshDump.Workloads(_node.Mesh)), errors, cancellationToken),
            Services = await Take("services", _ => ValueTask.FromResult(MeshDump.Services(_node.Mesh)), errors, cancellationToken),
            Policies = [],
            Certificates = await Take("certificates", _node.Certificates, errors, cancellationToken),
            WorkloadState = enrolments is null && connections is null ? null : StateOf(enrolments ?? [], connections ?? []),
            Pools = await Take("pools", _node.Pools, errors, cancellationToken),
            Problems = await Take("problems", _node.Problems, errors, cancellationToken),
            Errors = errors.Count > 0 ? errors : null,
        };
    }

    private async Task<IReadOnlyList<T>?> Take<T>(
        string section, Snapshot<T> snapshot, SortedDictionary<string, string> errors, CancellationToken cancellationToken)
    {
        try
        {
            return await snapshot(cancellationToken).AsTask().WaitAsync(SectionTimeout, _time, cancellationToken);
        }
        catch (TimeoutException)
        {
            errors[section] = $"no answer within {SectionTimeout.TotalSeconds} s";
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            errors[section] = $"{exception.GetType().Name}: {exception.Message}";
        }

        return null;
    }

    private static SortedDictionary<string, WorkloadStateDump> StateOf(
        IReadOnlyList<EnrolmentSnapshot> enrolments, IReadOnlyList<ConnectionSnapshot> connections)
    {
        ILookup<string, ConnectionSnapshot> open = connections.ToLookup(connection => connection.Workload.Uid, StringComparer.Ordinal);
        var states = new SortedDictionary<string, WorkloadStateDump>(StringComparer.Ordinal);
        foreach (EnrolmentSnapshot enrolment in enrolments)
        {
            states[enrolment.Workload.Uid] = Describe(enrolment.Workload, enrolment.State, open[enrolment.Workload.Uid]) with
            {
                Reason = enrolment.Reason,
                NetworkNamespace = enrolment.NetworkNamespace,
            };
        }

        // Connections outlive their pod's enrolment while they drain.
        foreach (IGrouping<string, ConnectionSnapshot> orphans in open)
            states.TryAdd(orphans.Key, Describe(orphans.First().Workload, "Draining", orphans));
        return states;
    }

    private static WorkloadStateDump Describe(Workload workload, string state, IEnumerable<ConnectionSnapshot> connections)
    {
        ILookup<ConnectionDirection, ConnectionDump> byDirection = connections.ToLookup(
            connection => connection.Direction,
            connection => new ConnectionDump(
                connection.Source,
                connection.OriginalDestination,
                connection.Destination,
                connection.Tunnelled ? "HBONE" : "TCP"));
        return new WorkloadStateDump
        {
            State = state,
            Connections = new ConnectionsDump([.. byDirection[ConnectionDirection.Inbound]], [.. byDirection[ConnectionDirection.Outbound]]),
            Info = new WorkloadInfoDump(workload.Name, workload.Namespace, workload.Identity.TrustDomain, workload.ServiceAccount),
        };
    }
}
