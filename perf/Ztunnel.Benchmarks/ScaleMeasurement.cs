using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Proxy;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Benchmarks;

/// <summary>What one size of mesh costs. Times are the process's CPU time, in medians over batches, so that what else the machine does matters little.</summary>
internal sealed record ScaleMeasurement
{
    private const int Batches = 31;

    public required int Pods { get; init; }

    public required int Services { get; init; }

    public required int Policies { get; init; }

    public required TimeSpan Load { get; init; }

    public required long Bytes { get; init; }

    /// <summary>Microseconds.</summary>
    public required double PodChange { get; init; }

    /// <summary>Microseconds.</summary>
    public required double PodReplacement { get; init; }

    /// <summary>Microseconds.</summary>
    public required double PolicyChange { get; init; }

    /// <summary>Nanoseconds; a hundred services that are in use.</summary>
    public required double WarmDecision { get; init; }

    /// <summary>Nanoseconds; any service.</summary>
    public required double ServiceDecision { get; init; }

    public required double ServiceDecisionBytes { get; init; }

    /// <summary>Nanoseconds.</summary>
    public required double PodDecision { get; init; }

    public required double PodDecisionBytes { get; init; }

    /// <summary>Nanoseconds.</summary>
    public required double Judgement { get; init; }

    public required double JudgementBytes { get; init; }

    public static ScaleMeasurement Of(int pods)
    {
        var cluster = new LargeCluster(pods);
        long empty = GC.GetTotalMemory(forceFullCollection: true);
        var mesh = new MeshState();
        var translator = new Translator(mesh);
        KubernetesObject[] objects = [.. cluster.Objects()];
        TimeSpan started = Environment.CpuUsage.TotalTime;
        foreach (KubernetesObject @object in objects)
            Put(translator, @object);
        TimeSpan load = Environment.CpuUsage.TotalTime - started;
        objects = [];
        long bytes = GC.GetTotalMemory(forceFullCollection: true) - empty;

        var random = new Random(1);
        var picker = new LeastConnectionsPicker(new Ejections(new EjectionOptions(), TimeProvider.System), 1);
        // Clients are the pods of one node, as they are where this runs.
        Workload[] clients = [.. Draw(random, 100).Select(pod => mesh.WorkloadByUid(LargeCluster.Uid(pod))!)];
        IPEndPoint[] inUse = [.. Draw(random, Math.Min(100, cluster.Services)).Select(LargeCluster.VirtualAddress)];
        IPEndPoint[] services = [.. Draw(random, cluster.Services).Select(LargeCluster.VirtualAddress)];
        int[] servers = Draw(random, pods);
        IPEndPoint[] addresses = [.. servers.Select(LargeCluster.PodAddress)];
        ConnectionFacts[] facts = [.. servers.Select((pod, i) => ConnectionFacts.Of(
            mesh.WorkloadByUid(LargeCluster.Uid(pod))!, LargeCluster.PodAddress(pod), clients[i].Addresses[0], clients[i].Identity))];
        Cost warm = Measure(clients.Length, i => mesh.Decide(clients[i], inUse[i], picker));
        Cost service = Measure(clients.Length, i => mesh.Decide(clients[i], services[i], picker));
        Cost pod = Measure(clients.Length, i => mesh.Decide(clients[i], addresses[i], picker));
        Cost judgement = Measure(clients.Length, i => mesh.Authorize(facts[i]));
        double change = Measure(400, i => ChangePod(translator, servers[i], ready: false, mesh, clients[i], picker)).Nanoseconds;
        double replacement = Measure(400, i => ReplacePod(translator, servers[i])).Nanoseconds;
        double policy = Measure(400, i => ChangePolicy(translator, mesh, servers[i] % cluster.Policies, facts[i])).Nanoseconds;
        GC.KeepAlive(translator);
        return new ScaleMeasurement
        {
            Pods = pods,
            Services = cluster.Services,
            Policies = cluster.Policies,
            Load = load,
            Bytes = bytes,
            // Each step is two changes: away and back.
            PodChange = change / 1000 / 2,
            PodReplacement = replacement / 1000,
            PolicyChange = policy / 1000 / 2,
            WarmDecision = warm.Nanoseconds,
            ServiceDecision = service.Nanoseconds,
            ServiceDecisionBytes = service.Bytes,
            PodDecision = pod.Nanoseconds,
            PodDecisionBytes = pod.Bytes,
            Judgement = judgement.Nanoseconds,
            JudgementBytes = judgement.Bytes,
        };
    }

    private static void ChangePod(Translator translator, int pod, bool ready, MeshState mesh, Workload client, LeastConnectionsPicker picker)
    {
        int service = LargeCluster.ServiceOf(pod);
        Put(translator, LargeCluster.Pod(pod, ready));
        Put(translator, LargeCluster.Slice(service, ready ? null : pod));
        if (mesh.Decide(client, LargeCluster.VirtualAddress(service), picker) is not Route.Tunnel tunnel)
            throw new InvalidOperationException("The service has no endpoint.");
        if (!ready && string.Equals(tunnel.Destination.Uid, LargeCluster.Uid(pod), StringComparison.Ordinal))
            throw new InvalidOperationException("The change did not take effect.");
        if (!ready)
            ChangePod(translator, pod, ready: true, mesh, client, picker);
    }

    private static void ReplacePod(Translator translator, int pod)
    {
        PodObject again = LargeCluster.Pod(pod);
        translator.Apply(new ResourceEvent.Remove(again.Key));
        Put(translator, again);
    }

    private static void ChangePolicy(Translator translator, MeshState mesh, int policy, in ConnectionFacts facts)
    {
        Put(translator, LargeCluster.Policy(policy, client: "another"));
        mesh.Authorize(facts);
        Put(translator, LargeCluster.Policy(policy));
        mesh.Authorize(facts);
    }

    private static void Put(Translator translator, KubernetesObject @object) =>
        translator.Apply(new ResourceEvent.Put(@object, new Origin("scale.yaml", 1)));

    private static int[] Draw(Random random, int below) => [.. Enumerable.Range(0, 10_000).Select(_ => random.Next(below))];

    private static Cost Measure(int steps, Action<int> step)
    {
        var times = new List<double>();
        long bytes = 0;
        for (int batch = 0; batch <= Batches; batch++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            TimeSpan started = Environment.CpuUsage.TotalTime;
            for (int i = 0; i < steps; i++)
                step(i);
            times.Add((Environment.CpuUsage.TotalTime - started).TotalNanoseconds / steps);
            bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        }

        // The first prepared what is prepared when first asked for.
        times.RemoveAt(0);
        times.Sort();
        return new Cost(times[times.Count / 2], bytes / (double)steps);
    }

    private readonly record struct Cost(double Nanoseconds, double Bytes);
}
