using System.Globalization;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// Where a cluster's pods have their control groups. Its name tells whose it is, so that what a killed process left goes when the
/// next cluster is made.
/// </summary>
internal sealed class ClusterCgroup : IDisposable
{
    private const string Prefix = "ztunnel-cluster-";

    public ClusterCgroup()
    {
        foreach (string left in System.IO.Directory.EnumerateDirectories(Root, Prefix + "*"))
        {
            if (!System.IO.Directory.Exists("/proc/" + Path.GetFileName(left)[Prefix.Length..].Split('-')[0]))
                Remove(left);
        }

        string name = string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Guid.NewGuid():N}");
        Directory = System.IO.Directory.CreateDirectory(Path.Combine(Root, name)).FullName;
    }

    public string Directory { get; }

    /// <summary>Where the unified hierarchy is: the whole of it, or beside those of version 1.</summary>
    private static string Root { get; } = File.ReadLines("/proc/self/mounts").Select(line => line.Split(' '))
        .FirstOrDefault(mount => mount[2] == "cgroup2")?[1] ?? throw new InvalidOperationException("there is no mount of cgroup2");

    public void Dispose() => Remove(Directory);

    /// <summary>Removes a group and those below it, as far as no process is in them.</summary>
    public static void Remove(string directory)
    {
        try
        {
            foreach (string below in System.IO.Directory.EnumerateDirectories(directory))
                Remove(below);
            // The files in it are the kernel's and go with it.
            System.IO.Directory.Delete(directory);
        }
        catch (IOException)
        {
            // Somebody else removed it, or a process of it is just ending: a later cluster sweeps.
        }
    }
}
