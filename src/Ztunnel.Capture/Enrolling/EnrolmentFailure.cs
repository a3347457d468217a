using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>Why a pod that should be in the mesh is not: the closed set of reasons that logs, metrics and diagnostics print.</summary>
public enum EnrolmentFailure
{
    /// <summary>Nothing names the pod's network namespace (annotation <c>ztunnel.io/network-namespace</c>).</summary>
    NamespaceNotNamed,

    /// <summary>Nothing is where the pod's network namespace should be, or no process of the pod runs in one of its own.</summary>
    NamespaceAbsent,

    /// <summary>The pod's processes are in another pod's network namespace only: in one in which that pod's were first.</summary>
    NamespaceForeign,

    /// <summary>Something is there, but not a network namespace.</summary>
    NotANetworkNamespace,

    /// <summary>The agent may not open or enter it, or the system failed otherwise.</summary>
    NamespaceUnusable,

    /// <summary>It is the node's own, or the agent's: rules in there would capture the node.</summary>
    NodeNamespace,

    /// <summary>Another pod is enrolled in it: the traffic of one would go out under the name of the other.</summary>
    NamespaceTaken,

    /// <summary>It does not hold all of the pod's IP addresses, so it is another's.</summary>
    AddressMismatch,

    /// <summary>The proxy could not listen in it.</summary>
    ListenersFailed,

    /// <summary><c>nft</c> is missing or refused the rules.</summary>
    RulesRefused,

    /// <summary>The kernel refused the policy routing.</summary>
    RoutingRefused,

    /// <summary>By the time its turn came the pod was not to be in the mesh, or the agent was stopping.</summary>
    NotWanted,

    /// <summary>A defect of the agent's; the log has the details.</summary>
    Internal,
}

/// <summary>An attempt at a pod failed with a reason to show; the message has the details.</summary>
public sealed class EnrolmentException(EnrolmentFailure reason, string detail, Exception? inner = null) : Exception(detail, inner)
{
    /// <summary>The reason.</summary>
    public EnrolmentFailure Reason { get; } = reason;

    /// <summary>What a namespace that cannot be used is to the pod that is to be in it.</summary>
    internal static EnrolmentException Of(NetworkNamespaceException failure) => new(
        failure.Failure switch
        {
            NetworkNamespaceFailure.Absent => EnrolmentFailure.NamespaceAbsent,
            NetworkNamespaceFailure.NotANetworkNamespace => EnrolmentFailure.NotANetworkNamespace,
            _ => EnrolmentFailure.NamespaceUnusable,
        },
        failure.Message,
        failure);
}
