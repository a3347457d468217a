using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>Istio's rule which pods are in the ambient mesh (istio/istio, the CNI agent's default enablement selectors).</summary>
public static class EnrolmentRule
{
    /// <summary>The label of pods and namespaces that puts pods into the mesh, or keeps them out.</summary>
    public const string ModeLabel = "istio.io/dataplane-mode";

    private const string AmbientMode = "ambient";
    private const string NoneMode = "none";

    /// <summary>
    /// What cannot be captured stays out: a pod that has ended, shares its node's network or has a sidecar. Then what the pod's
    /// node has said of it counts, where that is what there is to go by; else the pod's own
    /// label counts, and where it says neither <c>ambient</c> nor <c>none</c>, its namespace's.
    /// </summary>
    public static Enrolment Decide(in EnrolmentFacts pod)
    {
        if (pod.Terminated)
            return Enrolment.Terminated;
        if (pod.HostNetwork)
            return Enrolment.HostNetwork;
        if (pod.HasSidecar)
            return Enrolment.Sidecar;
        if (pod.Redirected is { } redirected)
            return redirected ? Enrolment.Ambient : Enrolment.NotCaptured;
        if (pod.NamespaceExcluded)
            return Enrolment.ExcludedNamespace;
        if (pod.NamespaceNotDiscovered)
            return Enrolment.NotDiscovered;
        if (pod.PodMode is NoneMode)
            return Enrolment.OptedOut;
        return pod.PodMode is AmbientMode || pod.NamespaceMode is AmbientMode ? Enrolment.Ambient : Enrolment.NotLabelled;
    }
}

/// <summary>What <see cref="EnrolmentRule"/> looks at.</summary>
[StructLayout(LayoutKind.Auto)]
public readonly record struct EnrolmentFacts
{
    /// <summary>The pod's label <c>istio.io/dataplane-mode</c>, or null.</summary>
    public string? PodMode { get; init; }

    /// <summary>The same label of the pod's namespace, or null.</summary>
    public string? NamespaceMode { get; init; }

    /// <summary>Whether the agent of the pod's node says that it captures the pod; null where labels are what there is to go by.</summary>
    public bool? Redirected { get; init; }

    /// <summary>Whether the pod uses its node's network.</summary>
    public bool HostNetwork { get; init; }

    /// <summary>Whether the pod has the annotation <c>sidecar.istio.io/status</c>.</summary>
    public bool HasSidecar { get; init; }

    /// <summary>Whether the pod's processes are gone.</summary>
    public bool Terminated { get; init; }

    /// <summary>Whether configuration keeps the pod's namespace out.</summary>
    public bool NamespaceExcluded { get; init; }

    /// <summary>Whether namespaces are selected and the pod's is not among them.</summary>
    public bool NamespaceNotDiscovered { get; init; }
}
