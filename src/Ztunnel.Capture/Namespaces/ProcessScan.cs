using System.Globalization;

namespace Ztunnel.Capture;

/// <summary>
/// One pass over /proc: which pods' processes are in which network namespaces other than the node's. Processes come and go
/// while it is made; what is gone was not seen.
/// </summary>
internal sealed class ProcessScan
{
    /// <summary>The kernel's USER_HZ: in what /proc counts time, whatever the kernel's own clock does.</summary>
    private const long TicksPerSecond = 100;

    private readonly string _proc;
    private readonly Dictionary<ulong, List<PodProcess>> _byNamespace = [];
    private readonly Dictionary<string, List<PodProcess>> _byPod = new(StringComparer.Ordinal);

    private ProcessScan(string proc) => _proc = proc;

    /// <summary>Makes a pass.</summary>
    /// <param name="proc">Where the node's /proc is.</param>
    /// <param name="nodes">The network namespaces that are the node's or the agent's and no pod's.</param>
    public static ProcessScan Make(string proc, IReadOnlySet<ulong> nodes)
    {
        var scan = new ProcessScan(proc);
        foreach (string directory in Directory.EnumerateDirectories(proc))
        {
            if (!int.TryParse(Path.GetFileName(directory.AsSpan()), NumberStyles.None, CultureInfo.InvariantCulture, out int pid)
                || NamespaceOf(proc, pid) is not { } inode || nodes.Contains(inode)
                || scan.Look(pid, inode) is not { } process)
            {
                continue;
            }

            Add(scan._byNamespace, inode, process);
            Add(scan._byPod, process.Pod, process);
        }

        return scan;
    }

    /// <summary>
    /// The process by which a pod's own namespace is known: the pod's first to have started, as its sandbox's is, in a namespace
    /// in which no other pod's process started before. <paramref name="foreign"/> is a pod in whose namespace a process of this
    /// one is, where that is all there is.
    /// </summary>
    public PodProcess? FirstOf(string pod, out string? foreign)
    {
        foreign = null;
        foreach (PodProcess process in _byPod.GetValueOrDefault(pod, []).OrderBy(process => process.Started).DistinctBy(process => process.Namespace))
        {
            List<PodProcess> holders = _byNamespace[process.Namespace];
            ulong first = holders.Min(holder => holder.Started);
            if (process.Started == first)
            {
                foreign = null;
                return process;
            }

            foreign ??= holders.First(holder => holder.Started == first).Pod;
        }

        return null;
    }

    /// <summary>Whether a process is still the one that was seen, and where it was seen.</summary>
    public static bool IsThere(string proc, PodProcess seen) => NamespaceOf(proc, seen.Pid) == seen.Namespace && StartOf(proc, seen.Pid) == seen.Started;

    /// <summary>Whether a process is still the one that was seen in every respect; looked at after its namespace was opened, for its number may have become another's.</summary>
    public bool IsUnchanged(PodProcess seen) => Look(seen.Pid, seen.Namespace) == seen;

    /// <summary>When a process started, by the node's clock; null when that cannot be read.</summary>
    public DateTimeOffset? TimeOf(PodProcess process)
    {
        const string BootTime = "btime ";
        try
        {
            string? line = File.ReadLines(Path.Combine(_proc, "stat")).FirstOrDefault(line => line.StartsWith(BootTime, StringComparison.Ordinal));
            return line is null ? null
                : DateTimeOffset.FromUnixTimeSeconds(long.Parse(line.AsSpan(BootTime.Length), CultureInfo.InvariantCulture))
                    .AddSeconds(process.Started / (double)TicksPerSecond);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or FormatException)
        {
            return null;
        }
    }

    /// <summary>The network namespace that a process is in; null when it is gone.</summary>
    public static ulong? NamespaceOf(string proc, int pid)
    {
        try
        {
            ReadOnlySpan<char> link = new FileInfo(PathTo(proc, pid)).LinkTarget;
            return link.StartsWith("net:[") && ulong.TryParse(link[5..^1], NumberStyles.None, CultureInfo.InvariantCulture, out ulong inode) ? inode : null;
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Where the kernel shows the network namespace of a process.</summary>
    public static string PathTo(string proc, int pid) => string.Create(CultureInfo.InvariantCulture, $"{proc}/{pid}/ns/net");

    private PodProcess? Look(int pid, ulong inode)
    {
        if (Read(_proc, pid, "cgroup") is not { } cgroups || PodCgroup.PodOf(cgroups) is not { } pod || StartOf(_proc, pid) is not { } started)
            return null;
        return new PodProcess(pid, pod, started, inode);
    }

    /// <summary>Field 22 of stat (proc_pid_stat(5)). The name before it, in parentheses, may have anything in it.</summary>
    private static ulong? StartOf(string proc, int pid)
    {
        const int StateField = 3, StartField = 22;
        if (Read(proc, pid, "stat") is not { } stat)
            return null;
        string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > StartField - StateField
            && ulong.TryParse(fields[StartField - StateField], NumberStyles.None, CultureInfo.InvariantCulture, out ulong started) ? started : null;
    }

    private static string? Read(string proc, int pid, string file)
    {
        try
        {
            return File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"{proc}/{pid}/{file}"));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static void Add<T>(Dictionary<T, List<PodProcess>> table, T key, PodProcess process)
        where T : notnull
    {
        if (!table.TryGetValue(key, out List<PodProcess>? processes))
            table.Add(key, processes = []);
        processes.Add(process);
    }
}

/// <summary>A process of a pod.</summary>
/// <param name="Pid">Its number in the node's /proc.</param>
/// <param name="Pod">The pod's uid.</param>
/// <param name="Started">When it started, in ticks since the node did.</param>
/// <param name="Namespace">The network namespace it is in, by inode.</param>
internal sealed record PodProcess(int Pid, string Pod, ulong Started, ulong Namespace);
