using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>Pod</c>.</summary>
public sealed record PodObject : KubernetesObject
{
    /// <summary>The annotation of ours that names a pod's network namespace where no container runtime can be asked.</summary>
    public const string NetworkNamespaceAnnotation = "ztunnel.io/network-namespace";

    /// <summary>The annotation by which the agent of a pod's node says that it captures the pod: its value is then <see cref="Redirected"/>.</summary>
    public const string RedirectionAnnotation = "ambient.istio.io/redirection";

    /// <summary>The value of <see cref="RedirectionAnnotation"/> of captured pods.</summary>
    public const string Redirected = "enabled";

    /// <summary>The annotation of ours that tells agents which read only the metadata of pods which service account one has.</summary>
    public const string ServiceAccountAnnotation = "ztunnel.io/service-account";

    /// <summary>The annotation of pods that have a sidecar proxy of their own.</summary>
    public const string SidecarAnnotation = "sidecar.istio.io/status";

    /// <summary>The annotation by which the kubelet says which static pod of its node an object is the mirror of.</summary>
    public const string MirrorAnnotation = "kubernetes.io/config.mirror";

    /// <summary>The annotation in which a static pod carries its uid.</summary>
    public const string ConfigHashAnnotation = "kubernetes.io/config.hash";

    private const int HashLength = 32;

    /// <summary>The annotation by which a pod asks for only what it opens to be captured.</summary>
    public const string BypassInboundAnnotation = "ambient.istio.io/bypass-inbound-capture";

    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.Pod;

    /// <summary>Whether it asks for that; what cannot be read leaves all captured.</summary>
    public bool BypassesInbound => BooleanText.Read(Metadata.Annotations[BypassInboundAnnotation]) == true;

    /// <summary>
    /// The uid of the static pod that this is the mirror of, an MD5 in hexadecimal as kubelets make it; null for other pods. Whoever may
    /// make pods may write it: what looks like the uid of a pod of the API's is not believed.
    /// </summary>
    public string? StaticUid =>
        Metadata.Annotations[ConfigHashAnnotation] is { Length: HashLength } hash && Metadata.Annotations[MirrorAnnotation] == hash
        && hash.All(char.IsAsciiHexDigitLower) ? hash : null;

    /// <summary>Whether the agent of its node has said that it captures it.</summary>
    public bool IsRedirected => Metadata.Annotations[RedirectionAnnotation] is Redirected;

    /// <summary><c>spec.nodeName</c>, empty while it is not scheduled.</summary>
    public string NodeName { get; init; } = "";

    /// <summary><c>spec.serviceAccountName</c>, or <c>default</c>.</summary>
    public string ServiceAccount { get; init; } = "default";

    /// <summary><c>spec.hostNetwork</c>.</summary>
    public bool HostNetwork { get; init; }

    /// <summary>The containers that run side by side: <c>spec.containers</c> and the init containers that restart always.</summary>
    public ValueArray<PodContainer> Containers { get; init; } = [];

    /// <summary><c>status.podIPs</c>, or <c>status.podIP</c> where there is only that.</summary>
    public ValueArray<IPAddress> Addresses { get; init; } = [];

    /// <summary><c>status.phase</c>; a manifest without status stands for a pod that runs.</summary>
    public PodPhase Phase { get; init; } = PodPhase.Running;

    /// <summary>The status of the <c>Ready</c> condition, or null where there is no such condition.</summary>
    public bool? ReadyCondition { get; init; }

    /// <summary>Whether the status shows a container that runs, of whichever sort; null where it shows no containers.</summary>
    public bool? HasRunningContainer { get; init; }

    /// <summary>
    /// Whether the pod has run to its end, or is being deleted and does not run: its processes are gone, and its address may
    /// already be another's.
    /// </summary>
    public bool Terminated =>
        Phase is PodPhase.Succeeded or PodPhase.Failed
        || (Metadata.Deleting && !(HasRunningContainer ?? Phase is not PodPhase.Pending));

    /// <summary>
    /// Whether it takes traffic: it is not being deleted, has an address, and its Ready condition holds. Without the condition,
    /// as in manifests written by hand, that it runs is enough.
    /// </summary>
    public bool Ready => Serving && !Metadata.Deleting;

    /// <summary>As <see cref="Ready"/>, but also while it is being deleted.</summary>
    public bool Serving => !Terminated && Addresses.Count > 0 && (ReadyCondition ?? Phase is PodPhase.Running);

    /// <summary>The same pod without what its containers run and their environment.</summary>
    internal PodObject WithoutPrograms() => this with
    {
        Containers = [.. Containers.Select(container => new PodContainer { Name = container.Name, Ports = container.Ports })],
    };
}

/// <summary>A pod's <c>status.phase</c>.</summary>
public enum PodPhase
{
    /// <summary>Not all containers have started.</summary>
    Pending,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>All containers ended well and will not be started again.</summary>
    Succeeded,

    /// <summary>All containers ended, one at least badly, and will not be started again.</summary>
    Failed,

    /// <summary>Its node has not been heard of.</summary>
    Unknown,
}

/// <summary>A container of a pod.</summary>
public sealed record PodContainer
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>What it runs, in place of its image's entry point.</summary>
    public ValueArray<string> Command { get; init; } = [];

    /// <summary>The arguments to that.</summary>
    public ValueArray<string> Arguments { get; init; } = [];

    /// <summary>The environment variables given as plain values.</summary>
    public StringMap Environment { get; init; } = StringMap.Empty;

    /// <summary>The ports it declares.</summary>
    public ValueArray<ContainerPort> Ports { get; init; } = [];
}

/// <summary>A port a container declares. <paramref name="Name"/> is empty when it has none.</summary>
public sealed record ContainerPort(string Name, ushort Port, TransportProtocol Protocol);

/// <summary>The transport a port is of.</summary>
public enum TransportProtocol
{
    /// <summary>TCP, the default.</summary>
    Tcp,

    /// <summary>UDP.</summary>
    Udp,

    /// <summary>SCTP.</summary>
    Sctp,
}
