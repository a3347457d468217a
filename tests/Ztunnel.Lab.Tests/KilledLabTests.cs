using System.Diagnostics;
using System.Globalization;

namespace Ztunnel.Lab.Tests;

/// <summary>This assembly is a program: it runs itself a second time, with one test that holds a lab for ever, and kills that.</summary>
public sealed class KilledLabTests
{
    private const string ReportTo = "ZTUNNEL_LAB_HOLDER_REPORT";

    [Fact(Explicit = true)]
    public async Task Hold_a_lab_until_killed()
    {
        string report = Environment.GetEnvironmentVariable(ReportTo) ?? throw new InvalidOperationException($"{ReportTo} is not set");
        await using LabNetwork lab = await LabNetworkTests.TwoNodes();
        await using LabProcess inPod = await lab.Pod("far").Start("sh", "-c", "sleep 1000 & exec sleep 1000");
        await using LabProcess onNode = await lab.Node("a").Start("sleep", "1000");
        ulong[] namespaces = [.. lab.Pods.Concat<LabHost>(lab.Nodes).Select(host => host.NetworkNamespace.Inode)];
        await File.WriteAllLinesAsync(report + ".part", [lab.NamespaceDirectory, .. namespaces.Select(inode => inode.ToString(CultureInfo.InvariantCulture))]);
        File.Move(report + ".part", report);
        await Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Killing_the_process_that_holds_a_lab_leaves_no_process_no_namespace_and_no_directory()
    {
        string report = Path.Combine(Path.GetTempPath(), $"lab-holder-{Guid.NewGuid():N}");
        string links = Links();
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "Ztunnel.Lab.Tests"),
            ["-method", $"{typeof(KilledLabTests).FullName}.{nameof(Hold_a_lab_until_killed)}", "-explicit", "only"])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment[ReportTo] = report;
        using Process holder = Process.Start(start)!;
        await LabNetworkTests.Until(() => File.Exists(report) || holder.HasExited);
        Assert.True(File.Exists(report), holder.HasExited ? await holder.StandardOutput.ReadToEndAsync() : "no report");
        string[] lines = await File.ReadAllLinesAsync(report);
        File.Delete(report);
        Assert.All(lines[1..], inode => Assert.Contains(inode, NamespacesInUse()));

        holder.Kill();
        await holder.WaitForExitAsync();

        await LabNetworkTests.Until(() => !NamespacesInUse().Overlaps(lines[1..]));
        await using (await LabNetwork.Build(lab => lab.Node("next")))
            Assert.False(Directory.Exists(lines[0]));
        Assert.Equal(links, Links());
    }

    /// <summary>The machine's own links: nothing of a lab may ever show there.</summary>
    private static string Links() => string.Join(',', Directory.EnumerateDirectories("/sys/class/net").Order(StringComparer.Ordinal));

    /// <summary>The inodes of network namespaces that a process is in or holds open; what none does is gone.</summary>
    private static HashSet<string> NamespacesInUse()
    {
        var inodes = new HashSet<string>(StringComparer.Ordinal);
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            try
            {
                foreach (string file in Directory.EnumerateFileSystemEntries($"{process}/fd").Append($"{process}/ns/net"))
                {
                    if (new FileInfo(file).LinkTarget is { } target && target.StartsWith("net:[", StringComparison.Ordinal))
                        inodes.Add(target[5..^1]);
                }
            }
            catch (IOException)
            {
                // The process ended meanwhile.
            }
        }

        return inodes;
    }
}
