using System.Globalization;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// The control group of a pod, named as a kubelet names it: <c>kubepods/besteffort/pod&lt;uid&gt;</c>, below a directory of its
/// cluster's own, in the unified hierarchy.
/// </summary>
internal sealed class PodCgroup : IDisposable
{
    private readonly string _path;

    private PodCgroup(string path) => _path = path;

    /// <summary>Makes the group, with one below it for each container.</summary>
    public static PodCgroup Create(ClusterCgroup cluster, string uid) =>
        new(Directory.CreateDirectory(Path.Combine(cluster.Directory, "kubepods", "besteffort", $"pod{uid}")).FullName);

    /// <summary>The file to which a process writes 0 to be of the container.</summary>
    public string ProcessesOf(string container) => Path.Combine(Directory.CreateDirectory(Path.Combine(_path, container)).FullName, "cgroup.procs");

    /// <summary>The processes of a container, the first of them first.</summary>
    public int[] Members(string container) =>
        [.. File.ReadAllLines(ProcessesOf(container)).Select(line => int.Parse(line, CultureInfo.InvariantCulture)).Order()];

    public void Dispose() => ClusterCgroup.Remove(_path);
}
