using System.Collections.Immutable;

namespace Ztunnel.Capture;

/// <summary>Where on a node the CNI plugin is put, and what it is told.</summary>
public sealed record CniOptions
{
    /// <summary>The name of the conflist: of all that a runtime may find beside it the first.</summary>
    public const string ConflistName = "00-00-ztunnel.conflist";

    /// <summary>The directory of the agent's socket, by the path that the node knows it under.</summary>
    public required string RunDirectory { get; init; }

    /// <summary>Where the node's runtime looks for plugins.</summary>
    public string BinDirectory { get; init; } = "/opt/cni/bin";

    /// <summary>Where the node's runtime looks for network configurations.</summary>
    public string ConfDirectory { get; init; } = "/etc/cni/net.d";

    /// <summary>The program to install as the plugin.</summary>
    public string Program { get; init; } = Environment.ProcessPath ?? "";

    /// <summary>Namespaces whose pods start without the agent being asked.</summary>
    public ImmutableArray<string> ExcludedNamespaces { get; init; } = ["kube-system"];

    /// <summary>The mesh's own namespace, whose pods start even when the agent does not answer.</summary>
    public string SystemNamespace { get; init; } = "istio-system";

    /// <summary>How often it is looked whether all is as it should be, beside whenever something changes.</summary>
    public TimeSpan Rescan { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long the network's own configuration may be gone before ours, which has it in it, goes too: it may just be being
    /// written anew.
    /// </summary>
    public TimeSpan PrimaryPatience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The shortest time between two looks, however much changes.</summary>
    public TimeSpan LookInterval { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>
    /// Whether it is tried that the program runs before it becomes the plugin. From a container that proves nothing: the node's
    /// own libraries are not in there.
    /// </summary>
    internal bool TriesProgram { get; init; } = CniTrial.IsOnHost();

    /// <summary>Has the kernel tell of changes from now on. Throws <see cref="IOException"/> when it has no room for that.</summary>
    internal Action<FileSystemWatcher> Listen { get; init; } = static watcher => watcher.EnableRaisingEvents = true;

    /// <summary>Where our conflist is.</summary>
    internal string Conflist => Path.Combine(ConfDirectory, ConflistName);

    /// <summary>Where the plugin is.</summary>
    internal string Plugin => Path.Combine(BinDirectory, CniPlugin.Type);
}
