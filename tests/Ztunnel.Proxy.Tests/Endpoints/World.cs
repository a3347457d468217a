using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Proxy.Tests;

/// <summary>A service of some endpoints, and what a loop knows of them.</summary>
internal sealed class World
{
    public World(int endpoints, ulong seed = 1)
    {
        var port = new ServicePort("http", 80, 8080);
        var service = new Service { Name = new ServiceName("default", "web"), Hostname = "web.default.svc.cluster.local", Ports = [port] };
        Mesh.Put(service);
        Mesh.Put(new EndpointSet
        {
            Service = service.Name,
            Name = "a",
            Ports = [new EndpointPort("http", 8080)],
            Addresses = [.. Enumerable.Range(1, endpoints).Select(i => new EndpointAddress(IPAddress.Parse($"192.0.2.{i}"), Ready: true))],
        });
        Endpoints = [.. Mesh.EndpointsOf(service.Name)];
        Ejections = new Ejections(Options, Time);
        Picker = new LeastConnectionsPicker(Ejections, seed);
    }

    public static EjectionOptions Options { get; } = new()
    {
        Failures = 3,
        First = TimeSpan.FromSeconds(4),
        Most = TimeSpan.FromSeconds(10),
        Return = TimeSpan.FromSeconds(20),
    };

    public ManualTime Time { get; } = new();

    public MeshState Mesh { get; } = new();

    public Endpoint[] Endpoints { get; }

    public Ejections Ejections { get; }

    public LeastConnectionsPicker Picker { get; }

    public Endpoint? Pick(ulong? affinity = null, bool lastResort = false, IEndpointPicker? picker = null) =>
        (picker ?? Picker).Pick(new EndpointChoice { Candidates = Endpoints, Affinity = affinity, LastResort = lastResort })?.Endpoint;

    /// <summary>How often each endpoint is picked in <paramref name="rounds"/> picks that leave nothing open.</summary>
    public int[] Picks(int rounds)
    {
        int[] picks = new int[Endpoints.Length];
        for (int i = 0; i < rounds; i++)
        {
            if (Pick() is { } picked)
                picks[Array.IndexOf(Endpoints, picked)]++;
        }

        return picks;
    }

    public void Fail(int endpoint, int times = 3)
    {
        for (int i = 0; i < times; i++)
            Ejections.Failed(Endpoints[endpoint]);
    }
}
