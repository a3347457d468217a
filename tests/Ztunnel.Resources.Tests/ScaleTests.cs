using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Resources.Tests;

/// <summary>What a change and a decision cost does not depend on how large the mesh is. Counted, not timed; perf/Ztunnel.Benchmarks times it.</summary>
public sealed class ScaleTests
{
    [Fact]
    public void A_change_writes_as_many_entries_in_a_mesh_of_a_hundred_thousand_pods_as_in_one_of_a_thousand()
    {
        Assert.Equal(CostsOfChanges(1_000), CostsOfChanges(100_000));
    }

    [Fact]
    public void Decisions_and_judgements_in_a_large_mesh_allocate_nothing()
    {
        (_, MeshState mesh, _) = Load(20_000);
        var picker = new First();
        Workload client = mesh.WorkloadByUid(LargeCluster.Uid(17))!;
        IPEndPoint[] destinations = [.. Enumerable.Range(0, 4000).SelectMany(i => (IPEndPoint[])[LargeCluster.VirtualAddress(i), LargeCluster.PodAddress(5 * i)])];
        Ask();

        // The runtime may allocate once while it compiles what is asked often; what a decision allocates would be there each time.
        Assert.Equal(0, Enumerable.Range(0, 3).Min(_ => Allocated()));

        long Allocated()
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Ask();
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        void Ask()
        {
            foreach (IPEndPoint destination in destinations)
            {
                if (mesh.Decide(client, destination, picker) is Route.Tunnel tunnel)
                    mesh.Authorize(ConnectionFacts.Of(tunnel.Destination, destination, client.Addresses[0], client.Identity));
            }
        }
    }

    private static string CostsOfChanges(int pods)
    {
        (LargeCluster cluster, MeshState mesh, Translator translator) = Load(pods);
        int pod = cluster.Pods / 2, service = LargeCluster.ServiceOf(pod);
        var picker = new First();
        Workload client = mesh.WorkloadByUid(LargeCluster.Uid(17))!;
        Assert.IsType<Route.Tunnel>(mesh.Decide(client, LargeCluster.VirtualAddress(service), picker));

        long unready = Cost(LargeCluster.Pod(pod, ready: false), LargeCluster.Slice(service, unready: pod));
        var elsewhere = Assert.IsType<Route.Tunnel>(mesh.Decide(client, LargeCluster.VirtualAddress(service), picker));
        Assert.NotSame(mesh.WorkloadByUid(LargeCluster.Uid(pod)), elsewhere.Destination);
        long moved = Cost(LargeCluster.Pod(pod) with { Addresses = [IPAddress.Parse("192.0.2.1")] });
        long before = mesh.EntriesWritten;
        translator.Apply(new ResourceEvent.Remove(LargeCluster.Pod(pod).Key));
        long gone = mesh.EntriesWritten - before;
        long back = Cost(LargeCluster.Pod(pod), LargeCluster.Slice(service));
        long judged = mesh.Policies.EffectiveComputed;
        Put(translator, LargeCluster.Policy(3, client: "another"));
        Assert.Equal(judged, mesh.Policies.EffectiveComputed);
        return $"unready {unready}, moved {moved}, gone {gone}, back {back}";

        long Cost(params Span<KubernetesObject> objects)
        {
            long written = mesh.EntriesWritten;
            foreach (KubernetesObject @object in objects)
                Put(translator, @object);
            return mesh.EntriesWritten - written;
        }
    }

    private static (LargeCluster Cluster, MeshState Mesh, Translator Translator) Load(int pods)
    {
        var cluster = new LargeCluster(pods);
        var mesh = new MeshState();
        var translator = new Translator(mesh);
        foreach (KubernetesObject @object in cluster.Objects())
            Put(translator, @object);
        Assert.Equal(pods, mesh.Workloads.Count(workload => workload.Ambient));
        Assert.Equal(cluster.Policies, mesh.Policies.Authorization.Count());
        Assert.Empty(translator.Inventory.Snapshot().Problems);
        return (cluster, mesh, translator);
    }

    private static void Put(Translator translator, KubernetesObject @object) =>
        translator.Apply(new ResourceEvent.Put(@object, new Origin("x.yaml", 1)));

    private sealed class First : IEndpointPicker
    {
        Route? IEndpointPicker.Pick(in EndpointChoice choice)
        {
            foreach (Endpoint candidate in choice.Candidates)
            {
                if (choice.Allows(candidate))
                    return candidate.Route;
            }

            return null;
        }
    }
}
