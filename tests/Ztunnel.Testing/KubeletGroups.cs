using System.Diagnostics;
using System.Globalization;

namespace Ztunnel.Testing;

/// <summary>
/// Puts processes into control groups named as the kubelet and a container runtime name them, below one of our own. The
/// processes end with the test's process however that ends, and groups that one left behind go with the next.
/// </summary>
public sealed class KubeletGroups : IAsyncDisposable
{
    private const string Prefix = "ztunnel-tests-";
    private static int _count;
    private readonly string _root;
    private readonly List<Process> _processes = [];

    /// <summary>Groups in the hierarchy mounted at <paramref name="hierarchy"/>.</summary>
    public KubeletGroups(string hierarchy)
    {
        foreach (string left in Directory.GetDirectories(hierarchy, Prefix + "*"))
        {
            if (!Directory.Exists($"/proc/{Path.GetFileName(left)[Prefix.Length..].Split('-')[0]}"))
                Remove(left);
        }

        _root = Path.Combine(hierarchy, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref _count)}"));
        Directory.CreateDirectory(_root);
    }

    /// <summary>Groups of cgroup v2.</summary>
    public KubeletGroups()
        : this(Unified)
    {
    }

    /// <summary>Where cgroup v2 is mounted.</summary>
    public static string Unified { get; } = Directory.Exists("/sys/fs/cgroup/unified") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";

    /// <summary>Where a hierarchy of cgroup v1 is mounted; null on a machine that has none.</summary>
    public static string? Legacy { get; } = Directory.Exists("/sys/fs/cgroup/freezer") ? "/sys/fs/cgroup/freezer" : null;

    /// <summary>The group of a pod's container, as the kubelet with systemd's driver and containerd name it.</summary>
    public static string PathOf(string uid) =>
        $"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid.Replace('-', '_')}.slice/cri-containerd-0123456789abcdef.scope";

    /// <summary>
    /// Starts a process in a pod's group and in the network namespace at <paramref name="networkNamespace"/>, as a sandbox's
    /// first process is; returns when it is there.
    /// </summary>
    public Task<Process> StartPod(string uid, string networkNamespace) => Start(PathOf(uid), networkNamespace);

    /// <summary>The same in any group, and with any program; what it writes to standard output is the test's to read. It has come once it has written a line.</summary>
    public async Task<Process> Start(string group, string networkNamespace, string program = "echo there; exec cat")
    {
        string path = Path.Combine(_root, group);
        Directory.CreateDirectory(path);
        // It waits for our end of its standard input, which the kernel closes whatever becomes of us.
        var start = new ProcessStartInfo(
            "nsenter", [$"--net={networkNamespace}", "--", "sh", "-c", $"echo $$ > '{path}/cgroup.procs' && {program}"])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        Process process = Process.Start(start)!;
        lock (_processes)
            _processes.Add(process);
        if (await process.StandardOutput.ReadLineAsync() is null)
            throw new InvalidOperationException($"no process could be started in {path}");
        return process;
    }

    /// <summary>Ends a process and waits until it is gone.</summary>
    public static async Task End(Process process)
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Process process in _processes)
        {
            await End(process);
            process.Dispose();
        }

        await Eventually.Holds(() => Remove(_root));
    }

    /// <summary>Removes a group and those in it; false while there are processes in one.</summary>
    private static bool Remove(string group)
    {
        try
        {
            foreach (string inner in Directory.GetDirectories(group))
                Remove(inner);
            Directory.Delete(group);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }
}
