using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Benchmarks;

/// <summary>
/// <c>-- api [NODES [PODS]]</c>: what the agents of a large cluster ask of its API server, beside agents that would watch all pods
/// in full. The watches of all agents are open at once, at the API server that the tests have; its own CPU time says nothing of
/// a real one, so what is counted are requests, watches and bytes.
/// </summary>
internal static class ApiLoadReport
{
    private const int Changes = 100;
    private const string Full = "application/json";
    private const string Trimmed = "application/json;as=Table;g=meta.k8s.io;v=v1";
    private const string Pods = "/api/v1/pods";
    private const string Slices = "/apis/discovery.k8s.io/v1/endpointslices";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>What one way of watching asks for: paths, each with what it accepts and whether it hears of every change.</summary>
    private sealed record Way(string Name, Func<int, (string Path, string Accept, bool HearsAll)[]> Watches);

    private static readonly Way[] Ways =
    [
        new("all pods in full", _ => [(Pods, Full, true), (Slices, Full, true)]),
        new("own in full, others trimmed", node =>
        [
            ($"{Pods}?fieldSelector=spec.nodeName%3D{LoadedCluster.NodeName(node)}", Full, false),
            ($"{Pods}?includeObject=Metadata", Trimmed, true),
            (Slices, Full, true),
        ]),
    ];

    public static async Task Print(int nodes, int pods)
    {
        await using ApiServer server = await ApiServer.Start(new ApiServerOptions { HistoryLength = 2_000 });
        var cluster = new LoadedCluster(server, nodes, pods);
        long filling = Stopwatch.GetTimestamp();
        cluster.Fill();
        Line($"{nodes:N0} nodes, {pods:N0} pods, {pods / 10:N0} services (filled in {Stopwatch.GetElapsedTime(filling).TotalSeconds:N0} s)");
        bool ready = true;
        foreach (Way way in Ways)
            await Measure(cluster, way, pods, ready = !ready);
    }

    private static async Task Measure(LoadedCluster cluster, Way way, int pods, bool ready)
    {
        using var client = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue }) { BaseAddress = cluster.Server.Address, Timeout = Timeout.InfiniteTimeSpan };
        using var stop = new CancellationTokenSource();
        Line($"-- {way.Name}");

        long listed = 0;
        foreach ((string path, string accept, _) in way.Watches(0))
            listed += await List(client, path, accept);
        Line($"   one agent's start: {listed / 1e6:N1} MB of lists; all of them: {listed * cluster.Nodes / 1e9:N1} GB");

        (OpenWatch Watch, bool HearsAll)[] open = await OpenAll(cluster, way, client, stop.Token);
        long before = open.Sum(entry => entry.Watch.Bytes);
        long began = Stopwatch.GetTimestamp();
        // Each of another service, as a pod that is as it was before would be no change.
        for (int change = 0; change < Changes; change++)
            cluster.Toggle(change * (pods / Changes), ready);
        while (open.Any(entry => entry.HearsAll && entry.Watch.Lines < Changes))
        {
            if (Stopwatch.GetElapsedTime(began) > Patience)
                throw new TimeoutException($"not every watch heard of {Changes} changes within {Patience}");
            await Task.Delay(50, CancellationToken.None);
        }

        double bytes = (open.Sum(entry => entry.Watch.Bytes) - before) / (double)Changes;
        Line($"   {cluster.Server.Counters.Watches():N0} watches open; a pod that turns ready or unready costs {bytes / cluster.Nodes / 1e3:N2} kB an agent, {bytes / 1e6:N2} MB in all");
        Line($"   {Changes} of them reached all agents in {Stopwatch.GetElapsedTime(began).TotalSeconds:N1} s");
        await stop.CancelAsync();
        while (cluster.Server.Counters.Watches() > 0)
            await Task.Delay(50, CancellationToken.None);
    }

    private static async Task<(OpenWatch Watch, bool HearsAll)[]> OpenAll(LoadedCluster cluster, Way way, HttpClient client, CancellationToken stop)
    {
        string version = cluster.Server.Objects.Version.ToString(CultureInfo.InvariantCulture);
        var open = new List<(OpenWatch, bool)>();
        for (int node = 0; node < cluster.Nodes; node++)
        {
            foreach ((string path, string accept, bool hearsAll) in way.Watches(node))
                open.Add((await OpenWatch.Open(client, $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}watch=true&allowWatchBookmarks=true&resourceVersion={version}", accept, stop), hearsAll));
        }

        return [.. open];
    }

    /// <summary>Lists a collection in pages, as an agent does; gives the bytes.</summary>
    private static async Task<long> List(HttpClient client, string path, string accept)
    {
        long bytes = 0;
        string? next = null;
        do
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{path}{(path.Contains('?', StringComparison.Ordinal) ? '&' : '?')}limit=500{(next is null ? "" : $"&continue={Uri.EscapeDataString(next)}")}");
            request.Headers.TryAddWithoutValidation("Accept", accept);
            using HttpResponseMessage response = await client.SendAsync(request);
            byte[] page = await response.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
            bytes += page.Length;
            next = (string?)JsonNode.Parse(page)!["metadata"]?["continue"];
        }
        while (!string.IsNullOrEmpty(next));

        return bytes;
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
