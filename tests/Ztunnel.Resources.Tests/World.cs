using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Resources.Tests;

/// <summary>A mesh fed from manifests written in the test.</summary>
internal sealed class World
{
    private static readonly Workload Client = new()
    {
        Uid = "uid-client",
        Name = "client",
        Namespace = "default",
        ServiceAccount = "client",
        Identity = SpiffeId.Create("cluster.local", "default", "client"),
        Node = "node-a",
        Enrolment = Enrolment.Ambient,
    };

    public World(params string[] documents)
        : this(new TranslatorOptions(), documents)
    {
    }

    public World(TranslatorOptions options, params string[] documents)
    {
        Translator = new Translator(Mesh, options, Log);
        Put(documents);
    }

    public MeshState Mesh { get; } = new();

    public TextLog Log { get; } = new();

    public Translator Translator { get; }

    public string[] Problems => [.. Translator.Inventory.Snapshot().Problems.Select(problem => problem.ToString())];

    public World Put(params string[] documents)
    {
        foreach (KubernetesObject @object in documents.SelectMany(Manifests.Objects))
            Translator.Apply(new ResourceEvent.Put(@object, new Origin("x.yaml", 1)));
        return this;
    }

    public void Remove(params string[] documents)
    {
        foreach (KubernetesObject @object in documents.SelectMany(Manifests.Objects))
            Translator.Apply(new ResourceEvent.Remove(@object.Key));
    }

    public Workload Workload(string name) => Mesh.Workloads.Single(workload => string.Equals(workload.Name, name, StringComparison.Ordinal));

    public Workload? At(string address) => Mesh.WorkloadByAddress(IPAddress.Parse(address));

    public Ztunnel.Mesh.Route Decide(string destination, int pick = 0) => Mesh.Decide(Client, IPEndPoint.Parse(destination), new Pick(pick));

    /// <summary>The route in a word: the tunnel's authority, the passthrough's address, the denial's reason.</summary>
    public string Route(string destination, int pick = 0) => Describe(Decide(destination, pick));

    /// <summary>As <see cref="Route"/>, with a tunnel through a waypoint told apart.</summary>
    public string Way(string destination, Workload? source = null)
    {
        Ztunnel.Mesh.Route route = Mesh.Decide(source ?? Client, IPEndPoint.Parse(destination), new Pick(0));
        return route is Ztunnel.Mesh.Route.Tunnel { Waypoint: not null } tunnel ? $"waypoint {tunnel.Authority}" : Describe(route);
    }

    private static string Describe(Ztunnel.Mesh.Route route) => route switch
    {
        Ztunnel.Mesh.Route.Tunnel tunnel => $"tunnel {tunnel.Authority}",
        Ztunnel.Mesh.Route.Passthrough passthrough => $"clear {passthrough.Destination?.ToString() ?? "unchanged"}",
        Ztunnel.Mesh.Route.Deny deny => $"deny {deny.Reason}",
        Ztunnel.Mesh.Route other => other.ToString(),
    };

    private sealed class Pick(int index) : IEndpointPicker
    {
        Mesh.Route? IEndpointPicker.Pick(in EndpointChoice choice)
        {
            for (int i = 0; i < choice.Candidates.Length; i++)
            {
                if (choice.Candidates[(index + i) % choice.Candidates.Length] is var candidate && choice.Allows(candidate))
                    return candidate.Route;
            }

            return null;
        }
    }
}
