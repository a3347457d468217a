using System.Net;
using static Ztunnel.Mesh.Tests.Make;

namespace Ztunnel.Mesh.Tests;

public sealed class MeshStateTests
{
    private static readonly ServicePort Http = new("http", 80, 8080);
    private static readonly EndpointPort[] Targets = [new("http", 8080)];
    private static readonly IPAddress Reused = IPAddress.Parse("10.244.2.7");

    public static TheoryData<string> OrdersOfReuse => new("old dies, new comes", "new comes, old dies", "new comes without address, old dies, new gets it");

    [Theory]
    [MemberData(nameof(OrdersOfReuse))]
    public void A_reused_address_is_the_new_pods_in_any_order_of_events(string order)
    {
        Workload old = Pod("old", "10.244.2.7"), @new = Pod("new", "10.244.2.7");
        MeshState mesh = State(
            old,
            Service("web", ["10.96.0.20"], Http),
            Endpoints("web", "a", Targets, At("10.244.2.7", "old")),
            Endpoints("web", "b", Targets, At("10.244.2.7", "new")));
        Route before = mesh.Decide("10.244.2.7:80");

        foreach (string step in order.Split(", "))
        {
            if (step == "old dies")
                mesh.RemoveWorkload(old.Uid);
            else
                mesh.Put(step.EndsWith("without address", StringComparison.Ordinal) ? @new with { Addresses = [] } : @new);
        }

        Assert.Equal(old, Assert.IsType<Route.Tunnel>(before).Destination);
        Assert.Equal(@new, Assert.IsType<Route.Tunnel>(mesh.Decide("10.244.2.7:80")).Destination);
        Assert.Equal(@new, Assert.IsType<Route.Tunnel>(mesh.Decide("10.96.0.20:80")).Destination);
        Assert.Equal(@new, mesh.WorkloadByAddress(Reused));
    }

    [Fact]
    public void A_pod_that_ends_gives_up_its_address_though_it_is_still_known()
    {
        Workload old = Pod("old", "10.244.2.7"), @new = Pod("new", "10.244.2.7");
        MeshState mesh = State(old, @new);

        mesh.Put(old with { Addresses = [], Enrolment = Enrolment.Terminated });

        Assert.Equal(@new, mesh.WorkloadByAddress(Reused));
        Assert.NotNull(mesh.WorkloadByUid(old.Uid));
    }

    [Fact]
    public void Observers_hear_of_what_is_there_and_of_every_change_with_old_and_new()
    {
        Workload pod = Pod("pod", "10.244.2.7"), labelled = pod with { Enrolment = Enrolment.OptedOut };
        MeshState mesh = State(pod);
        var heard = new List<WorkloadChange>();

        using (mesh.Observe(heard.Add))
        {
            mesh.Put(labelled);
            mesh.Put(labelled with { });
            mesh.RemoveWorkload(pod.Uid);
            mesh.RemoveWorkload(pod.Uid);
        }

        mesh.Put(pod);

        Assert.Equal([new(null, pod), new(pod, labelled), new(labelled, null)], heard);
    }

    [Fact]
    public void A_change_of_labels_is_a_change_and_the_same_labels_anew_are_none()
    {
        Workload pod = Pod("pod", "10.244.2.7") with { Labels = Labels("app=web,tier=front") };
        MeshState mesh = State(pod);
        var heard = new List<string>();
        using IDisposable observation = mesh.Observe(change => heard.Add(change.New!.Labels.ToString()));

        mesh.Put(pod with { Labels = Labels("tier=front,app=web") });
        mesh.Put(pod with { Labels = Labels("app=web") });

        Assert.Equal(["app=web,tier=front", "app=web"], heard);
    }

    [Theory]
    [InlineData("", true)]
    [InlineData("app=web", true)]
    [InlineData("app=web,tier=front", true)]
    [InlineData("app=web,tier=back", false)]
    [InlineData("app=web,zone=a", false)]
    public void A_selector_selects_what_carries_all_its_labels(string selector, bool selects)
    {
        Assert.Equal(selects, Labels("app=web,tier=front,v=1").Matches(Labels(selector)));
    }

    [Fact]
    public void A_change_shows_to_readers_before_observers_hear_of_it()
    {
        Workload pod = Pod("pod", "10.244.2.7");
        var mesh = new MeshState();
        var seen = new List<Workload?>();
        using IDisposable observation = mesh.Observe(_ => seen.Add(mesh.WorkloadByAddress(Reused)));

        mesh.Put(pod);
        mesh.RemoveWorkload(pod.Uid);

        Assert.Equal([pod, null], seen);
    }

    [Fact]
    public void The_parts_of_a_service_may_come_in_any_order()
    {
        object[] parts =
        [
            Pod("server", "10.244.2.7"),
            Service("web", ["10.96.0.20"], Http),
            Endpoints("web", "a", Targets, At("10.244.2.7", "server")),
        ];
        int[][] orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

        Assert.All(orders, order =>
        {
            MeshState mesh = State([.. order.Select(index => parts[index])]);
            Assert.Equal("10.244.2.7:8080", Assert.IsType<Route.Tunnel>(mesh.Decide("10.96.0.20:80")).Authority);
        });
    }

    [Fact]
    public void A_service_that_comes_back_has_its_endpoints_again()
    {
        Service service = Service("web", ["10.96.0.20"], Http);
        MeshState mesh = State(Pod("server", "10.244.2.7"), service, Endpoints("web", "a", Targets, At("10.244.2.7", "server")));

        mesh.RemoveService(service.Name);
        Assert.Same(Route.Passthrough.Unchanged, mesh.Decide("10.96.0.20:80"));
        Assert.Empty(mesh.Services);

        mesh.Put(service with { VirtualIps = [IPAddress.Parse("10.96.0.21")] });
        Assert.Same(Route.Passthrough.Unchanged, mesh.Decide("10.96.0.20:80"));
        Assert.IsType<Route.Tunnel>(mesh.Decide("10.96.0.21:80"));
    }

    [Fact]
    public void What_is_removed_leaves_nothing_behind()
    {
        Service service = Service("web", ["10.96.0.20", "fd00:10:96::20"], Http);
        MeshState mesh = State(
            Pod("server", "10.244.2.7", "fd00:10:244:2::7"),
            service,
            Endpoints("web", "a", Targets, At("10.244.2.7", "server"), At("192.0.2.9")));

        mesh.RemoveEndpoints(service.Name, "a");
        mesh.RemoveEndpoints(service.Name, "a");
        mesh.RemoveService(service.Name);
        mesh.RemoveService(service.Name);
        mesh.RemoveWorkload("uid-server");

        Assert.Equal(0, mesh.AddressCount);
        Assert.Empty(mesh.Workloads);
        Assert.Empty(mesh.Services);
        Assert.Empty(mesh.EndpointsOf(service.Name));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(5000)]
    public void A_change_costs_what_it_touches_however_large_the_mesh(int pods)
    {
        var mesh = new MeshState();
        for (int i = 0; i < pods; i++)
        {
            string ip = $"10.{100 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}";
            mesh.Put(Pod($"pod-{i}", ip));
            mesh.Put(Service($"svc-{i}", [$"10.96.{i >> 8}.{i & 255}"], Http));
            mesh.Put(Endpoints($"svc-{i}", "a", Targets, At(ip, $"pod-{i}")));
        }

        // The pod, its address, its endpoint.
        Assert.Equal(3, Cost(mesh, () => mesh.Put(Pod("pod-3", "10.100.0.3") with { Ready = false })));
        // One more address for which there was nothing; the endpoint that lost its pod.
        Assert.Equal(4, Cost(mesh, () => mesh.Put(Pod("pod-3", "10.250.0.3") with { Ready = false })));
        // The service's table, the endpoint made for it.
        Assert.Equal(2, Cost(mesh, () => mesh.Put(Endpoints("svc-3", "a", Targets, At("10.250.0.3", "pod-3")))));
        Assert.Equal(0, Cost(mesh, () => mesh.Put(Endpoints("svc-3", "a", Targets, At("10.250.0.3", "pod-3")))));
    }

    [Fact]
    public void Endpoints_outlive_a_change_of_their_service_that_leaves_their_port_and_follow_it()
    {
        Service service = Service("web", ["10.96.0.20"], Http, new ServicePort("admin", 81, 9001));
        MeshState mesh = State(
            Pod("server", "10.244.2.7"),
            service,
            Endpoints("web", "a", [.. Targets, new EndpointPort("admin", 9001)], At("10.244.2.7", "server"), At("192.0.2.9")));
        Endpoint[] before = [.. mesh.EndpointsOf(service.Name)];
        Service changed = service with { Ports = [Http, new ServicePort("admin", 82, 9001)], Distribution = TrafficDistribution.PreferSameZone };

        mesh.Put(changed);

        Endpoint[] after = [.. mesh.EndpointsOf(service.Name)];
        Assert.Equal([true, true, false, false], after.Select(endpoint => before.Contains(endpoint)));
        Assert.All(after, endpoint => Assert.Same(changed, endpoint.Service));
        Assert.Same(changed, Assert.IsType<Route.Tunnel>(mesh.Decide("10.96.0.20:80")).Service);
        Assert.Same(changed, Assert.IsType<Route.Passthrough>(mesh.Decide(Client, EndPoint("10.96.0.20:80"), new Pick(1))).Service);
        Assert.Equal("10.244.2.7:9001", Assert.IsType<Route.Tunnel>(mesh.Decide("10.96.0.20:82")).Authority);
        Assert.IsType<Route.Deny>(mesh.Decide("10.96.0.20:81"));
    }

    [Fact]
    public void A_change_of_a_service_nobody_asks_for_does_not_arrange_its_endpoints()
    {
        const int Pods = 2000;
        MeshState mesh = State(Service("web", ["10.96.0.20"], Http));
        for (int i = 0; i < Pods; i++)
            mesh.Put(Endpoints("web", $"pod-{i}", Targets, At($"10.244.{i >> 8}.{i & 255}")));

        long unused = AllocatedBy(() => Change(ready: true));
        mesh.Decide("10.96.0.20:80");
        long used = AllocatedBy(() => Change(ready: false));

        Assert.True(unused * 3 < used, $"{unused} bytes while nobody asks for it, {used} when somebody does");

        void Change(bool ready) => mesh.Put(Endpoints("web", "another", Targets, At("192.0.2.9", ready: ready)));
    }

    [Fact]
    public async Task Readers_beside_the_writer_always_see_a_whole_answer()
    {
        MeshState mesh = State(
            Pod("a", "10.244.2.7"),
            Service("web", ["10.96.0.20"], Http),
            Endpoints("web", "1", Targets, At("10.244.2.7", "a")));
        using var stop = new CancellationTokenSource();
        long decisions = 0;
        Task reader = Task.Run(() =>
        {
            var picker = new Pick(0);
            while (!stop.IsCancellationRequested)
            {
                Volatile.Write(ref decisions, decisions + 1);
                switch (mesh.Decide(Client, EndPoint("10.96.0.20:80"), picker))
                {
                    case Route.Tunnel tunnel:
                        Assert.Contains(tunnel.Authority, (string[])["10.244.2.7:8080", "10.244.2.8:8080"], StringComparer.Ordinal);
                        Assert.Equal(tunnel.ExpectedIdentity, tunnel.Destination.Identity);
                        break;
                    case Route.Deny deny:
                        Assert.Equal(DenyReason.NoReadyEndpoints, deny.Reason);
                        break;
                    default:
                        Assert.Fail("A service's address never passes through here.");
                        break;
                }
            }
        });

        for (int round = 0; round < 20_000 || (Volatile.Read(ref decisions) < 20_000 && !reader.IsCompleted); round++)
        {
            mesh.Put(Endpoints("web", "2", Targets, At("10.244.2.8", "b")));
            mesh.Put(Pod("b", "10.244.2.8"));
            mesh.RemoveWorkload("uid-a");
            mesh.Put(Pod("a", "10.244.2.7"));
            mesh.RemoveEndpoints(new ServiceName("default", "web"), "2");
            mesh.RemoveWorkload("uid-b");
        }

        await stop.CancelAsync();
        await reader;
    }

    private static long AllocatedBy(Action change)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        change();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static long Cost(MeshState mesh, Action change)
    {
        long before = mesh.EntriesWritten;
        change();
        return mesh.EntriesWritten - before;
    }
}
