using System.Globalization;
using System.Net;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Tests that load the machine so much that others beside them would fail.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>Many connections at once, ended in every way, over and over.</summary>
[Collection(nameof(Alone))]
public sealed class SoakTests
{
    private const int Connections = 2000;

    [Fact]
    public async Task Thousands_of_connections_ended_in_every_way_leave_no_descriptors_threads_or_memory_behind()
    {
        await using ProcessLab lab = await ProcessLab.Start(drainSeconds: 1);
        await using EchoServer server = EchoServer.Start(lab.Server);
        int seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper?.WriteLine($"seed {seed}");
        var random = new Random(seed);

        // The first rounds grow pools, pages and compiled code to what this load needs, and fill what the collector lets grow
        // before it first comes round; the later ones may add nothing.
        for (int round = 0; round < 10; round++)
            await Round(lab, random);
        Footprint[] warm = await Settled(lab);
        for (int round = 0; round < 6; round++)
            await Round(lab, random);
        Footprint[] later = await Settled(lab);

        for (int agent = 0; agent < warm.Length; agent++)
        {
            TestContext.Current.TestOutputHelper?.WriteLine($"{warm[agent]} -> {later[agent]}");
            // A tunnel may have been made anew: a socket or two for each loop.
            Assert.InRange(later[agent].Descriptors, 0, warm[agent].Descriptors + 8);
            // The thread pool comes and goes by a few.
            Assert.InRange(later[agent].Threads, 0, warm[agent].Threads + 4);
            // 4 KiB for each of the 12,000 connections would be 48 MiB; half of that tells a leak from a heap on its way to its next collection.
            Assert.InRange(later[agent].ResidentKiB, 0, warm[agent].ResidentKiB + (24 * 1024));
        }
    }

    /// <summary>Opens all connections, and only when every one is open and has carried bytes ends them, each in its own way.</summary>
    private static async Task Round(ProcessLab lab, Random random)
    {
        IPAddress address = lab.Server.IPv4;
        EchoClient[] open = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => EchoServer.Connect(lab.Client, address)));
        int[] ways = [.. open.Select(_ => random.Next(3))];
        await Task.WhenAll(open.Zip(ways, End));
        await MeshLab.Eventually("all connections to be gone", async () => await OpenConnections(lab, "a") + await OpenConnections(lab, "b") == 0);
    }

    private static async Task End(EchoClient client, int way)
    {
        using (client)
        {
            switch (way)
            {
                case 0:
                    Assert.Equal("a line", await client.Echo("a line"));
                    await client.Close();
                    break;
                case 1:
                    client.EndSending();
                    await client.UntilOver();
                    break;
                default:
                    await client.Echo("cut off");
                    client.Reset();
                    break;
            }
        }
    }

    private static async Task<int> OpenConnections(ProcessLab lab, string node) =>
        (await NodeDiagnostics.Dump(lab.Network.Node(node))).GetProperty("workloadState").EnumerateObject()
            .Select(state => state.Value.GetProperty("connections"))
            .Sum(open => open.GetProperty("inbound").GetArrayLength() + open.GetProperty("outbound").GetArrayLength());

    /// <summary>The agents' footprints once descriptors have stopped going down.</summary>
    private static async Task<Footprint[]> Settled(ProcessLab lab)
    {
        int before = int.MaxValue;
        await MeshLab.Eventually("descriptors to settle", async () =>
        {
            int now = Footprint.Of(lab.ClientAgent).Descriptors + Footprint.Of(lab.ServerAgent).Descriptors;
            (bool settled, before) = (now >= before, now);
            await Task.Delay(200);
            return settled;
        });
        return [Footprint.Of(lab.ClientAgent), Footprint.Of(lab.ServerAgent)];
    }

    /// <summary>What a process holds, as the kernel counts it; of its memory what it has not mapped from files, whose pages come and go with the machine's load.</summary>
    private sealed record Footprint(int Descriptors, int Threads, int ResidentKiB)
    {
        public static Footprint Of(LabProcess process)
        {
            string proc = $"/proc/{process.Id}";
            string[] status = File.ReadAllLines(Path.Combine(proc, "status"));
            return new Footprint(
                Directory.EnumerateFileSystemEntries(Path.Combine(proc, "fd")).Count(), Field(status, "Threads:"), Field(status, "RssAnon:"));
        }

        private static int Field(string[] status, string name) => int.Parse(
            status.First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(['\t', ' '], StringSplitOptions.RemoveEmptyEntries)[1],
            CultureInfo.InvariantCulture);
    }
}
