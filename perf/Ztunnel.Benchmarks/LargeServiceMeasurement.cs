using System.Globalization;
using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Proxy;

namespace Ztunnel.Benchmarks;

/// <summary>What one service costs by how many endpoints it has: in slices of a hundred, as a cluster's controller makes them. CPU time, in medians.</summary>
internal sealed record LargeServiceMeasurement
{
    private const int PerSlice = 100;
    private const int Changes = 31;

    public required int Endpoints { get; init; }

    public required TimeSpan Load { get; init; }

    /// <summary>Microseconds.</summary>
    public required double EndpointChange { get; init; }

    /// <summary>Microseconds.</summary>
    public required double ServiceChange { get; init; }

    /// <summary>Microseconds.</summary>
    public required double NextDecision { get; init; }

    public static LargeServiceMeasurement Of(int endpoints)
    {
        var mesh = new MeshState();
        Service service = new()
        {
            Name = new ServiceName("shop", "web"),
            Hostname = "web.shop.svc.cluster.local",
            VirtualIps = [IPAddress.Parse("172.16.0.1")],
            Ports = [new ServicePort("http", 80, 8080)],
            Distribution = TrafficDistribution.PreferSameZone,
        };
        TimeSpan started = Environment.CpuUsage.TotalTime;
        mesh.Put(service);
        for (int i = 0; i < endpoints; i++)
            mesh.Put(Pod(i));
        for (int slice = 0; slice * PerSlice < endpoints; slice++)
            mesh.Put(Slice(slice, endpoints, unready: -1));
        TimeSpan load = Environment.CpuUsage.TotalTime - started;

        var picker = new LeastConnectionsPicker(new Ejections(new EjectionOptions(), TimeProvider.System), 1);
        Workload client = Pod(0);
        var at = new IPEndPoint(service.VirtualIps[0], 80);
        var endpointChanges = new List<double>();
        var serviceChanges = new List<double>();
        var decisions = new List<double>();
        for (int i = 0; i < Changes; i++)
        {
            int pod = i * (endpoints / Changes);
            bool back = i % 2 == 1;
            endpointChanges.Add(Time(() => mesh.Put(Slice(pod / PerSlice, endpoints, pod))));
            decisions.Add(Time(() => mesh.Decide(client, at, picker)));
            serviceChanges.Add(Time(() => mesh.Put(service with { IngressUsesWaypoint = !back })));
            mesh.Decide(client, at, picker);
        }

        return new LargeServiceMeasurement
        {
            Endpoints = endpoints,
            Load = load,
            EndpointChange = Median(endpointChanges),
            ServiceChange = Median(serviceChanges),
            NextDecision = Median(decisions),
        };
    }

    private static double Time(Action action)
    {
        TimeSpan started = Environment.CpuUsage.TotalTime;
        action();
        return (Environment.CpuUsage.TotalTime - started).TotalMicroseconds;
    }

    private static double Median(List<double> values)
    {
        values.Sort();
        return values[values.Count / 2];
    }

    private static Workload Pod(int pod) => new()
    {
        Uid = string.Create(CultureInfo.InvariantCulture, $"uid-{pod}"),
        Name = PodName(pod),
        Namespace = "shop",
        ServiceAccount = "web",
        Identity = SpiffeId.Create("cluster.local", "shop", "web"),
        Addresses = [Address(pod)],
        Node = string.Create(CultureInfo.InvariantCulture, $"node-{pod / PerSlice}"),
        Enrolment = Enrolment.Ambient,
        Ready = true,
    };

    private static EndpointSet Slice(int slice, int endpoints, int unready) => new()
    {
        Service = new ServiceName("shop", "web"),
        Name = string.Create(CultureInfo.InvariantCulture, $"web-{slice}"),
        Ports = [new EndpointPort("http", 8080)],
        Addresses =
        [
            .. Enumerable.Range(slice * PerSlice, Math.Min(PerSlice, endpoints - (slice * PerSlice)))
                .Select(pod => new EndpointAddress(Address(pod), pod != unready, PodName(pod)) { Zone = $"zone-{pod % 3}" }),
        ],
    };

    private static string PodName(int pod) => string.Create(CultureInfo.InvariantCulture, $"web-{pod}");

    private static IPAddress Address(int pod) => new([10, 200, (byte)(pod >> 8), (byte)pod]);
}
