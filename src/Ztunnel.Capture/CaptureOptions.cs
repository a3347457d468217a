using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>Which pods an agent enrols, and with how much effort.</summary>
public sealed record CaptureOptions
{
    /// <summary>The agent's node: pods of other nodes are not its business.</summary>
    public required string Node { get; init; }

    /// <summary>
    /// Where the node's /proc is, by which pods' network namespaces are found: for objects from the API. Null to find them by
    /// the pods' annotation, which for objects from the API would be believing whoever made the pod.
    /// </summary>
    public string? Proc { get; init; }

    /// <summary>Where relative names of network namespaces are looked up, where pods name them.</summary>
    public string NamespaceDirectory { get; init; } = "/var/run/netns";

    /// <summary>
    /// The node's own network namespace, which no pod may claim. The agent's own is refused in any case; this is for an agent
    /// that is not in its node's. Where probes come from and the rules for them go; null for the agent's own.
    /// </summary>
    public NetworkNamespace? NodeNamespace { get; init; }

    /// <summary>Who tells the cluster how enrolment stands; null when nobody does.</summary>
    public IPodAnnouncer? Announcer { get; init; }

    /// <summary>How probes from the node are let through to captured pods. With anything but none, rules or sockets are made in the node's namespace.</summary>
    public ProbePath Probes { get; init; } = ProbePath.None;

    /// <summary>How long one try at a probe may take: what the node sends to its own pods arrives at once or not at all.</summary>
    public TimeSpan ProbePatience { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long after a probe did not get through it is tried again.</summary>
    public TimeSpan ProbeRetry { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How many pods are worked on at a time; each runs a short <c>nft</c>. At least 1.</summary>
    public int Parallelism { get; init; } = Math.Max(2, Environment.ProcessorCount);

    /// <summary>The wait after a pod's first failure; it doubles with each further one.</summary>
    public TimeSpan FirstRetry { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>The longest wait after the proxy, <c>nft</c> or the kernel refused: attempts that cost something.</summary>
    public TimeSpan LastRetry { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The longest wait for a network namespace that is not there yet, or not the pod's: cheap to try, and the pod may be running.</summary>
    public TimeSpan NamespaceRetry { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The shortest time between two looks at one pod's rules: someone who changes them all the time costs this much and no
    /// more. A change is noticed at once, by the kernel telling us.
    /// </summary>
    public TimeSpan LookInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>How often every enrolled pod is looked at without cause: whether its namespace is still there and unchanged.</summary>
    public TimeSpan SweepInterval { get; init; } = TimeSpan.FromSeconds(5);
}
