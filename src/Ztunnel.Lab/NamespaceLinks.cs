using System.Globalization;
using Ztunnel.IO;

namespace Ztunnel.Lab;

/// <summary>
/// A temporary directory of links to namespaces. Its name tells whose it is (process id and start time), so that what a killed
/// process left is recognised and removed by the next.
/// </summary>
internal sealed class NamespaceLinks : IDisposable
{
    private const string Prefix = "ztunnel-lab-";
    private readonly string _root;

    private NamespaceLinks(string root)
    {
        _root = root;
        Pods = Directory.CreateDirectory(Path.Combine(root, "pods")).FullName;
        Scratch = Directory.CreateDirectory(Path.Combine(root, "scratch")).FullName;
        Nodes = Directory.CreateDirectory(Path.Combine(root, "nodes")).FullName;
    }

    public string Pods { get; }

    public string Nodes { get; }

    public string Scratch { get; }

    public static NamespaceLinks Create()
    {
        Sweep();
        string pid = Environment.ProcessId.ToString(CultureInfo.InvariantCulture);
        return new NamespaceLinks(Directory.CreateTempSubdirectory($"{Prefix}{pid}-{StartTime(pid)}-").FullName);
    }

    public void LinkPod(string name, NetworkNamespace target)
    {
        try
        {
            File.CreateSymbolicLink(Path.Combine(Pods, name), target.Path);
        }
        catch (IOException exception)
        {
            throw new LabException($"there is a network namespace '{name}' already ({exception.Message})");
        }
    }

    public void UnlinkPod(string name) => File.Delete(Path.Combine(Pods, name));

    public void LinkNode(string name, NetworkNamespace target) => File.CreateSymbolicLink(Path.Combine(Nodes, name), target.Path);

    public void Dispose() => Delete(_root);

    private static void Sweep()
    {
        foreach (string directory in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            string[] parts = Path.GetFileName(directory)[Prefix.Length..].Split('-');
            if (parts.Length < 2 || parts[1] != StartTime(parts[0]))
                Delete(directory);
        }
    }

    /// <summary>Field 22 of /proc/PID/stat: when the process started. Empty when there is no such process.</summary>
    private static string StartTime(string pid)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{pid}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19];
        }
        catch (IOException)
        {
            return "";
        }
    }

    private static void Delete(string directory)
    {
        try
        {
            Directory.Delete(directory, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Another lab swept it at the same time.
        }
    }
}
