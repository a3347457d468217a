using System.Reflection;
using Ztunnel.Capture;
using Ztunnel.Proxy;

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
        IReadOnlyList<PodStatus>? pods = await Take("pods", () => _node.Pods(cancellationToken), errors, cancellationToken);
        IReadOnlyList<ConnectionSnapshot>? connections =
            await Take("connections", () => _node.Connections(cancellationToken), errors, cancellationToken);
        IReadOnlyList<EjectionSnapshot>? ejections =
            await Take("ejections", () => _node.Ejections(cancellationToken), errors, cancellationToken);
        return new ConfigDump
        {
            Node = _node.Node,
            Version = Version,
            Workloads = await Take("workloads", () => ValueTask.FromResult(MeshSection.Workloads(_node.Mesh)), errors, cancellationToken),
            Services = await Take("services", () => ValueTask.FromResult(MeshSection.Services(_node.Mesh, ejections ?? [])), errors, cancellationToken),
            Policies = await Take("policies", () => ValueTask.FromResult(PolicySection.Describe(_node)), errors, cancellationToken),
            Certificates = await Take("certificates", () => _node.Certificates(cancellationToken), errors, cancellationToken),
            Authority = _node.Authority is { } authority
                ? await Take("authority", () => ValueTask.FromResult(authority()), errors, cancellationToken)
                : null,
            WorkloadState = pods is null && connections is null ? null : WorkloadStateSection.Describe(pods ?? [], connections ?? []),
            Pools = await Take("pools", () => _node.Pools(cancellationToken), errors, cancellationToken),
            Upstreams = await Take("upstreams", () => _node.Upstreams(cancellationToken), errors, cancellationToken),
            Mirrors = _node.Mirrors?.Invoke(),
            Gateways = await Take("gateways", () => ValueTask.FromResult(GatewaySection.Gateways(_node.Mesh)), errors, cancellationToken),
            ServiceRoutes = await Take(
                "serviceRoutes", () => ValueTask.FromResult(GatewaySection.ServiceRoutes(_node.Mesh)), errors, cancellationToken),
            Status = await Take("status", () => ValueTask.FromResult(StatusSection.Describe(_node.Resources.Snapshot(), _node.Mesh)), errors, cancellationToken),
            Resources = await Take(
                "resources", () => ValueTask.FromResult(ResourcesSection.Describe(_node.Resources.Snapshot())), errors, cancellationToken),
            Errors = errors.Count > 0 ? errors : null,
        };
    }

    private async Task<T?> Take<T>(
        string section, Func<ValueTask<T>> snapshot, SortedDictionary<string, string> errors, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await snapshot().AsTask().WaitAsync(SectionTimeout, _time, cancellationToken);
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
}
