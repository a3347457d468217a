using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>
/// The one way into a pod: every connection to its application passes here, be it from a tunnel, in plaintext or from a pod
/// beside it, when it is opened and again whenever what it was let in by has changed.
/// </summary>
internal sealed class InboundGate(PodProxy pod, MeshState mesh, PolicyObservations observations)
{
    /// <summary>Judges a new connection, and notes what policies that are only watched had to say. Null lets it in.</summary>
    public InboundRefusal? Admit(in InboundRequest request)
    {
        AuthorizationVerdict verdict = Authorize(request);
        if (!verdict.Observations.IsEmpty)
            observations.Note(request, verdict.Observations);
        return Refusal(verdict);
    }

    /// <summary>
    /// Judges a connection that was let in once more: what has changed since may refuse it. Null lets it go on. Meant to be
    /// cheap enough to do whenever some time has passed.
    /// </summary>
    public InboundRefusal? Review(in InboundRequest request) => Refusal(Authorize(request));

    private static InboundRefusal? Refusal(in AuthorizationVerdict verdict) =>
        verdict.Refusal is { } refusal ? new InboundRefusal(refusal.Reason, InboundRefusal.Forbidden, refusal.Detail) : null;

    private AuthorizationVerdict Authorize(in InboundRequest request) =>
        mesh.Authorize(ConnectionFacts.Of(pod.Workload, request.Destination, request.Source, request.Identity));
}
