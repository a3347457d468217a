namespace Ztunnel.Mesh;

/// <summary>Whether a pod is in the ambient mesh, and if not why not. <see cref="Ambient"/> is the only value that means yes.</summary>
public enum Enrolment
{
    /// <summary>Neither the pod nor its namespace is labelled <c>istio.io/dataplane-mode=ambient</c>.</summary>
    NotLabelled,

    /// <summary>In the mesh: its traffic is captured and it is reached through HBONE.</summary>
    Ambient,

    /// <summary>The pod is labelled <c>istio.io/dataplane-mode=none</c>.</summary>
    OptedOut,

    /// <summary>The pod uses its node's network, where capturing one pod would capture the node.</summary>
    HostNetwork,

    /// <summary>The pod has a sidecar proxy of its own (annotation <c>sidecar.istio.io/status</c>).</summary>
    Sidecar,

    /// <summary>The pod's namespace is kept out of the mesh by configuration (<c>kube-system</c> unless set otherwise).</summary>
    ExcludedNamespace,

    /// <summary>In a cluster: the agent of the pod's node has not said that it captures the pod.</summary>
    NotCaptured,

    /// <summary>The pod's namespace is not among those that are selected to take part (Istio's <c>discoverySelectors</c>).</summary>
    NotDiscovered,

    /// <summary>The pod has run to its end, or is being deleted and no longer runs.</summary>
    Terminated,
}
