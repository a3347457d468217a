using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>The proxy, as capture sees it: what opens listeners in a pod's network namespace.</summary>
public interface IPodListeners
{
    /// <summary>
    /// Opens the pod's listeners, on <see cref="CaptureContract.OutboundPort"/>, <see cref="CaptureContract.PlaintextPort"/> and
    /// <see cref="CaptureContract.HbonePort"/> inside <paramref name="networkNamespace"/>, and returns when they listen: the rules
    /// that lead there follow. What it throws is shown as <see cref="EnrolmentFailure.ListenersFailed"/> and tried again; it
    /// must leave nothing open then.
    /// </summary>
    /// <param name="workload">The pod. It may change later (not its UID): look it up by UID for what may.</param>
    /// <param name="networkNamespace">Open until the session's <see cref="IPodSession.Drain"/> has ended.</param>
    /// <param name="cancellationToken">The agent stops.</param>
    ValueTask<IPodSession> Start(Workload workload, NetworkNamespace networkNamespace, CancellationToken cancellationToken);
}

/// <summary>The open listeners of one enrolled pod and the connections that came through them.</summary>
public interface IPodSession
{
    /// <summary>
    /// Closes the listeners before it returns, and completes when the last connection has ended or the proxy's own limit for
    /// draining has passed. Called once, after the rules no longer lead to the listeners. The same pod may be started anew,
    /// on the same ports, while this goes on.
    /// </summary>
    Task Drain();
}
