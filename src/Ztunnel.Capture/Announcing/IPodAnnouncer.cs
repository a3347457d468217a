using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>Tells a cluster how enrolment stands. What it cannot tell holds up no pod.</summary>
public interface IPodAnnouncer
{
    /// <summary>
    /// Writes on the pod that it takes tunnels (<c>ambient.istio.io/redirection: enabled</c> and its service account), or takes
    /// that back. A pod that is gone, or is another by now, is no error. Throws <see cref="IOException"/>: it is tried again.
    /// </summary>
    Task Annotate(Workload pod, bool enrolled, CancellationToken cancellationToken);

    /// <summary>Tells something of a pod, for people. Never throws and never waits.</summary>
    void Tell(Workload pod, PodNews news, string message);
}

/// <summary>What is told of a pod: the reasons of Events.</summary>
public enum PodNews
{
    /// <summary>It is in the mesh.</summary>
    AmbientEnrolled,

    /// <summary>It should be in the mesh and is not.</summary>
    AmbientEnrolmentFailed,

    /// <summary>It should have been in the mesh since it started, and was not until now.</summary>
    AmbientRanUncaptured,

    /// <summary>It has left the mesh.</summary>
    AmbientReleased,
}
