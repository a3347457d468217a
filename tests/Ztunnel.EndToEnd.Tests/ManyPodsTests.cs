using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Very many pods that come to a node at once.</summary>
[Collection(nameof(Alone))]
public sealed class ManyPodsTests
{
    private const int Pods = 1000;

    [Fact]
    public async Task A_thousand_pods_at_once_are_all_enrolled_and_nobody_else_notices()
    {
        await using ProcessLab lab = await ProcessLab.Start(drainSeconds: 1);
        await using EchoServer server = EchoServer.Start(lab.Server);
        NetworkNamespace[] namespaces = await MakeNamespaces(lab.Network, Pods);
        try
        {
            SteadyTraffic traffic = await SteadyTraffic.Start(lab.Client, lab.Server.IPv4);
            (int threads, int kibibytes) = await Footprint(lab.ClientAgent);

            long start = Stopwatch.GetTimestamp();
            await Write(lab, "many.yaml", Enumerable.Range(0, Pods).Select(Manifest));
            int most = 0;
            await MeshLab.Eventually($"{Pods} pods to be enrolled", async () => await EnrolledNow() == Pods + 1, TimeSpan.FromMinutes(5));
            TimeSpan took = Stopwatch.GetElapsedTime(start);
            (int threadsLater, int kibibytesLater) = await Footprint(lab.ClientAgent);
            await traffic.More();

            // Each listens, too: nobody was lost between the books and the kernel. While a probe is tried there is one more.
            await MeshLab.Eventually("each to listen", () => Task.FromResult(namespaces.All(ns => ns.Run(Listening) == 6)));
            start = Stopwatch.GetTimestamp();
            File.Delete(Path.Combine(lab.Manifests, "many.yaml"));
            await MeshLab.Eventually("all to be released", async () => await EnrolledNow() == 1, TimeSpan.FromMinutes(5));
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{Pods} pods: enrolled in {took.TotalSeconds:F1} s, released in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s; "
                + $"threads {threads} -> {most}, memory {kibibytes} -> {kibibytesLater} KiB; {await traffic.StopUnharmed()} connections meanwhile");

            // The thread pool comes and goes by a few; a thread for each pod would be hundreds.
            Assert.InRange(most, 1, threads + 20);
            Assert.InRange(threadsLater, 1, threads + 20);
            // Six listeners, a certificate and what is known of a pod.
            Assert.InRange(kibibytesLater, 0, kibibytes + (64 * 1024) + (Pods * 128));

            async Task<int> EnrolledNow()
            {
                most = Math.Max(most, (await Footprint(lab.ClientAgent)).Threads);
                JsonElement dump = await NodeDiagnostics.Dump(lab.Network.Node("a"));
                return dump.GetProperty("workloadState").EnumerateObject().Count(state => state.Value.GetProperty("state").GetString() == "Up");
            }
        }
        finally
        {
            foreach (NetworkNamespace ns in namespaces)
                ns.Dispose();
        }
    }

    /// <summary>Namespaces that hold their pod's address and nothing else, under the names that the manifests say.</summary>
    private static async Task<NetworkNamespace[]> MakeNamespaces(LabNetwork network, int count)
    {
        var made = new NetworkNamespace[count];
        await Parallel.ForAsync(0, count, async (index, cancelled) =>
        {
            made[index] = NetworkNamespace.Create();
            ProcessResult result = await made[index].RunProcess("ip", ["addr", "add", $"{Address(index)}/32", "dev", "lo"], null, cancelled);
            Assert.True(result.ExitCode == 0, result.Error);
            File.CreateSymbolicLink(Path.Combine(network.NamespaceDirectory, $"many-{index}"), made[index].Path);
        });
        return made;
    }

    private static string Address(int index) => $"10.250.{index / 250}.{(index % 250) + 1}";

    private static string Manifest(int index) => $"""
        apiVersion: v1
        kind: Pod
        metadata:
          name: many-{index}
          namespace: default
          annotations:
            ztunnel.io/network-namespace: many-{index}
        spec:
          nodeName: a
          serviceAccountName: many-{index % 10}
        status:
          podIPs:
          - ip: {Address(index)}

        """;

    private static async Task Write(ProcessLab lab, string file, IEnumerable<string> documents)
    {
        string hidden = Path.Combine(lab.Manifests, $".{file}");
        await File.WriteAllTextAsync(hidden, Yaml.Join(documents));
        File.Move(hidden, Path.Combine(lab.Manifests, file));
    }

    private static int Listening() => new[] { "tcp", "tcp6" }.Sum(table => File.ReadLines($"/proc/thread-self/net/{table}")
        .Count(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, "0A", ..]));

    private static async Task<(int Threads, int Kibibytes)> Footprint(LabProcess agent)
    {
        string[] status = await File.ReadAllLinesAsync($"/proc/{agent.Id}/status");
        return (Number("Threads:"), Number("VmRSS:"));

        int Number(string field) => int.Parse(
            status.First(line => line.StartsWith(field, StringComparison.Ordinal))[field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture);
    }
}
