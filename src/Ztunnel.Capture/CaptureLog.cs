using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>What capture logs.</summary>
internal static partial class CaptureLog
{
    [LoggerMessage(1, LogLevel.Information, "Pod {Pod} is enrolled: its TCP in {NetworkNamespace} goes through the mesh.")]
    public static partial void Enrolled(ILogger logger, Workload pod, string networkNamespace);

    [LoggerMessage(2, LogLevel.Information, "Pod {Pod} has left the mesh: no rule of ours is left in {NetworkNamespace}.")]
    public static partial void Removed(ILogger logger, Workload pod, string networkNamespace);

    [LoggerMessage(3, LogLevel.Warning, "Pod {Pod} is not as it should be ({Reason}), trying again: {Detail}")]
    public static partial void Failed(ILogger logger, Workload pod, EnrolmentFailure reason, string detail);

    [LoggerMessage(4, LogLevel.Warning, "Someone had changed the capture rules of pod {Pod}; they are back. Found: {Difference}")]
    public static partial void Repaired(ILogger logger, Workload pod, string difference);

    [LoggerMessage(5, LogLevel.Error, "The listeners of pod {Pod} did not end in order.")]
    public static partial void DrainFailed(ILogger logger, Workload pod, Exception failure);

    [LoggerMessage(6, LogLevel.Critical, "Work on pod {Pod} met an error that should not happen.")]
    public static partial void Broken(ILogger logger, Workload pod, Exception failure);

    [LoggerMessage(7, LogLevel.Warning, "The rules on this node that let probes through to captured pods could not be set, trying again: {Detail}")]
    public static partial void NodeRulesFailed(ILogger logger, string detail);

    [LoggerMessage(8, LogLevel.Warning, "Someone had changed the rules on this node that let probes through; they are back. Found: {Difference}")]
    public static partial void NodeRulesRepaired(ILogger logger, string difference);

    [LoggerMessage(9, LogLevel.Warning, "Probes from this node do not get through to pod {Pod} where policy demands mutual TLS: {Detail}")]
    public static partial void ProbesFail(ILogger logger, Workload pod, string detail);

    [LoggerMessage(10, LogLevel.Warning, "Pod {Pod} ran without being captured from {Since} to {Until}: it started before this agent and without its CNI plugin.")]
    public static partial void RanUncaptured(ILogger logger, Workload pod, DateTimeOffset since, DateTimeOffset until);

    [LoggerMessage(11, LogLevel.Warning, "Pod {Pod} has, says the API, the addresses {Told}, which are not in its network namespace; {Known} are.")]
    public static partial void AddressesDiffer(ILogger logger, Workload pod, string told, string known);

    [LoggerMessage(12, LogLevel.Warning, "How the enrolment of pod {Pod} stands could not be written on it, trying again: {Detail}")]
    public static partial void NotAnnounced(ILogger logger, Workload pod, string detail);
}
