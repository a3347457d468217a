using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Gateway.Tests;

public sealed class UpstreamPickerTests
{
    private readonly Dictionary<Route, int> _open = [];
    private readonly ManualTime _time = new();

    [Fact]
    public void Those_who_belong_together_stay_so_and_an_endpoint_that_goes_moves_only_its_own()
    {
        Endpoint[] all = Endpoints(10);
        Dictionary<ulong, Endpoint> before = Homes(all);
        foreach (Endpoint gone in all)
        {
            Dictionary<ulong, Endpoint> after = Homes([.. all.Where(endpoint => endpoint != gone)]);
            Assert.All(before, home => Assert.True(home.Value == gone || after[home.Key] == home.Value));
        }

        // 1000 of 10,000 for each, give or take six standard deviations.
        Assert.All(all, endpoint => Assert.InRange(before.Values.Count(home => home == endpoint), 820, 1180));
    }

    [Fact]
    public void One_that_is_left_out_moves_only_its_own_too()
    {
        Endpoint[] all = Endpoints(5);
        ServiceTraffic traffic = Traffic(all, new TrafficPolicy { OutlierDetection = new OutlierDetection { Consecutive5xxErrors = 1 } });
        Dictionary<ulong, Endpoint> before = Homes(all, traffic);
        traffic.Answered(traffic.HealthOf(all[2].Address), 500);
        Dictionary<ulong, Endpoint> after = Homes(all, traffic);
        Assert.DoesNotContain(all[2], after.Values);
        Assert.All(before, home => Assert.True(home.Value == all[2] || after[home.Key] == home.Value));
    }

    [Fact]
    public void The_hash_is_the_same_in_every_instance() => Assert.Equal(10_348_509_449_063_778_181UL, StableHash.Of("session-1"));

    [Fact]
    public void Endpoints_take_turns_past_those_that_are_left_out()
    {
        Endpoint[] all = Endpoints(4);
        ServiceTraffic traffic = Traffic(all, new TrafficPolicy
        {
            LoadBalancer = new LoadBalancer { Algorithm = LoadBalancing.RoundRobin },
            OutlierDetection = new OutlierDetection { Consecutive5xxErrors = 1 },
        });
        traffic.Answered(traffic.HealthOf(all[1].Address), 500);
        Endpoint?[] picks = [.. Enumerable.Range(0, 300).Select(_ => Pick(all, traffic))];
        Assert.All(new[] { 0, 2, 3 }, i => Assert.Equal(100, picks.Count(pick => pick == all[i])));
        for (int i = 1; i < picks.Length; i++)
            Assert.NotEqual(picks[i - 1], picks[i]);
    }

    [Fact]
    public void Of_two_the_one_with_fewer_requests_is_taken_but_not_where_chance_decides()
    {
        Endpoint[] all = Endpoints(2);
        _open[all[0].Route!] = 5;
        Assert.All(Enumerable.Range(0, 50), _ => Assert.Same(all[1], Pick(all, null)));
        ServiceTraffic random = Traffic(all, new TrafficPolicy { LoadBalancer = new LoadBalancer { Algorithm = LoadBalancing.Random } });
        Assert.InRange(Enumerable.Range(0, 400).Count(_ => Pick(all, random) == all[0]), 140, 260);
    }

    [Fact]
    public void What_was_tried_is_passed_over_and_where_all_are_left_out_there_is_none()
    {
        Endpoint[] all = Endpoints(3);
        Assert.Same(all[1], new Picking(this, all, null, tried: [all[0], all[2]]).Endpoint);
        ServiceTraffic traffic = Traffic(all, new TrafficPolicy
        {
            OutlierDetection = new OutlierDetection { Consecutive5xxErrors = 1, MaxEjectionPercent = 100 },
        });
        foreach (Endpoint endpoint in all)
            traffic.Answered(traffic.HealthOf(endpoint.Address), 503);
        Assert.Null(Pick(all, traffic));
    }

    private Dictionary<ulong, Endpoint> Homes(Endpoint[] endpoints, ServiceTraffic? traffic = null) => Enumerable.Range(0, 10_000)
        .Select(i => StableHash.Of($"client-{i}"))
        .ToDictionary(hash => hash, hash => new Picking(this, endpoints, traffic, hash).Endpoint!);

    private Endpoint? Pick(Endpoint[] endpoints, ServiceTraffic? traffic) => new Picking(this, endpoints, traffic).Endpoint;

    private ServiceTraffic Traffic(Endpoint[] endpoints, TrafficPolicy policy) =>
        new(new ServiceName("default", "web"), 80, policy, _time, () => endpoints.Select(endpoint => endpoint.Address));

    private static Endpoint[] Endpoints(int count)
    {
        var mesh = new MeshState();
        var name = new ServiceName("default", "web");
        mesh.Put(new Service { Name = name, Hostname = "web.default.svc.cluster.local", Ports = [new ServicePort("http", 80, 8080)] });
        mesh.Put(new EndpointSet
        {
            Service = name,
            Name = "web-1",
            Ports = [new EndpointPort("http", 8080)],
            Addresses = [.. Enumerable.Range(1, count).Select(i => new EndpointAddress(new IPAddress([10, 1, 0, (byte)i]), Ready: true))],
        });
        return [.. mesh.EndpointsOf(name)];
    }

    private readonly struct Picking
    {
        public Picking(UpstreamPickerTests test, Endpoint[] endpoints, ServiceTraffic? traffic, ulong? affinity = null, IReadOnlyList<Endpoint>? tried = null)
        {
            UpstreamPicker picker = new UpstreamPicker(route => test._open.GetValueOrDefault(route)).For(traffic, affinity, tried: tried);
            Endpoint = picker.Pick(new EndpointChoice { Candidates = endpoints })?.Endpoint;
        }

        public Endpoint? Endpoint { get; }
    }
}
