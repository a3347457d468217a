using Ztunnel.Identity;
using Ztunnel.Mesh;

namespace Ztunnel.Control;

/// <summary>
/// Whom a caller may have a certificate for: everybody for its own service account, and a node's agent for the accounts of pods that
/// run on its node now. The check that Istio calls node authorization.
/// </summary>
/// <param name="trustDomain">The trust domain of all identities.</param>
/// <param name="nodeAccounts">The accounts of nodes' agents, <c>NAMESPACE/NAME</c>.</param>
/// <param name="pods">Which pods run where.</param>
internal sealed class IdentityRules(string trustDomain, IReadOnlySet<string> nodeAccounts, NodePods pods)
{
    /// <summary>Whether a caller is the agent of a node.</summary>
    public bool IsNode(Caller caller) => nodeAccounts.Contains(caller.Account);

    /// <summary>
    /// The identity to sign, where <paramref name="impersonated"/> is in whose name the caller asks, if not in its own. Throws
    /// <see cref="GrpcException"/>: it may not, or that cannot be told yet.
    /// </summary>
    public SpiffeId Decide(Caller caller, string? impersonated)
    {
        if (string.IsNullOrEmpty(impersonated))
        {
            return SpiffeId.TryCreate(trustDomain, caller.Namespace, caller.ServiceAccount, out SpiffeId? own, out string? fault)
                ? own
                : throw Denied(caller, $"its account is no identity: {fault}");
        }

        if (!IsNode(caller))
            throw Denied(caller, "it is not the agent of a node, which alone may ask for others");
        if (!SpiffeId.TryParse(impersonated, out SpiffeId? wanted, out string? reason))
            throw Denied(caller, $"the identity it asks for is none: {reason}");
        if (!string.Equals(wanted.TrustDomain, trustDomain, StringComparison.Ordinal))
            throw Denied(caller, $"{wanted} is of another trust domain than {trustDomain}");
        if (!pods.Synced)
            throw new GrpcException(GrpcStatus.Unavailable, "it is not known yet which pods run where");
        string node = NodeOf(caller);
        return pods.Runs(node, wanted.Namespace, wanted.ServiceAccount)
            ? wanted
            : throw Denied(caller, $"no pod of {wanted.Namespace}/{wanted.ServiceAccount} runs on node {node}");
    }

    /// <summary>The node of the pod that a token is bound to. What a caller says of itself plays no part.</summary>
    private string NodeOf(Caller caller)
    {
        if (caller.PodName is not { } name || caller.PodUid is not { } uid)
            throw Denied(caller, "its token is not bound to a pod, so nothing says on which node it is");
        if (pods.Find(caller.Namespace, name) is not { } pod)
        {
            // The API server has seen the pod, when it reviewed the token; we may not have yet.
            return caller.NodeName ?? throw Denied(caller, $"its pod {name} is not known");
        }

        if (!string.Equals(pod.Uid, uid, StringComparison.Ordinal))
            throw Denied(caller, $"its pod {name} is not the one that now has that name");
        if (!string.Equals(pod.ServiceAccount, caller.ServiceAccount, StringComparison.Ordinal))
            throw Denied(caller, $"its pod {name} has another service account");
        if (caller.NodeName is { } said && !string.Equals(said, pod.Node, StringComparison.Ordinal))
            throw Denied(caller, $"its token is of node {said} and its pod {name} runs on {pod.Node}");
        return pod.Node;
    }

    private static GrpcException Denied(Caller caller, string why) => new(GrpcStatus.PermissionDenied, $"{caller.Account}: {why}");
}
