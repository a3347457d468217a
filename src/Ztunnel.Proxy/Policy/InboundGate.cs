using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>
/// The one way into a pod: every connection to its application passes here, be it from a tunnel, in plaintext or from a pod
/// beside it, when it is opened and again whenever what it was let in by has changed.
/// </summary>
internal sealed class InboundGate(PodProxy pod, MeshState mesh, PolicyObservations observations, Predicate<IPAddress> isTrustedNode)
{
    /// <summary>Judges a new connection, and notes what policies that are only watched had to say. Null lets it in.</summary>
    public InboundRefusal? Admit(in InboundRequest request)
    {
        if (IsProbe(request))
            return null;
        AuthorizationVerdict verdict = Authorize(request);
        if (!verdict.Observations.IsEmpty)
            observations.Note(request, verdict.Observations);
        return Refusal(verdict);
    }

    /// <summary>
    /// Judges a connection that was let in once more: what has changed since may refuse it. Null lets it go on. Meant to be
    /// cheap enough to do whenever some time has passed.
    /// </summary>
    public InboundRefusal? Review(in InboundRequest request) => IsProbe(request) ? null : Refusal(Authorize(request));

    private static InboundRefusal? Refusal(in AuthorizationVerdict verdict) =>
        verdict.Refusal is { } refusal ? new InboundRefusal(refusal.Reason, InboundRefusal.Forbidden, refusal.Detail) : null;

    /// <summary>What the node itself sends in plaintext, where it was chosen to know the kubelet by that, is nothing for policies.</summary>
    private bool IsProbe(in InboundRequest request) => request.Identity is null && isTrustedNode(request.Source);

    private AuthorizationVerdict Authorize(in InboundRequest request) =>
        mesh.Authorize(ConnectionFacts.Of(pod.Workload, request.Destination, request.Source, request.Identity));
}
