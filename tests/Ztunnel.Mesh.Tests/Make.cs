using System.Net;

namespace Ztunnel.Mesh.Tests;

/// <summary>Builders of the model's parts, with defaults a test need not care about.</summary>
internal static class Make
{
    public static readonly Workload Client = Pod("client", "10.244.1.5");

    public static Workload Pod(string name, params string[] addresses) => new()
    {
        Uid = $"uid-{name}",
        Name = name,
        Namespace = "default",
        ServiceAccount = name,
        Identity = SpiffeId.Create("cluster.local", "default", name),
        Addresses = [.. addresses.Select(IPAddress.Parse)],
        Node = "node-a",
        Enrolment = Enrolment.Ambient,
        Ready = true,
    };

    /// <summary>Labels or a selector, from <c>a=1,b=2</c>.</summary>
    public static StringMap Labels(string text) => new(
        text.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(pair => KeyValuePair.Create(pair.Split('=')[0], pair.Split('=')[1])));

    public static Service Service(string name, string[] virtualIps, params ServicePort[] ports) => new()
    {
        Name = new ServiceName("default", name),
        Hostname = $"{name}.default.svc.cluster.local",
        VirtualIps = [.. virtualIps.Select(IPAddress.Parse)],
        Ports = [.. ports],
    };

    public static EndpointSet Endpoints(string service, string set, EndpointPort[] ports, params EndpointAddress[] addresses) => new()
    {
        Service = new ServiceName("default", service),
        Name = set,
        Ports = [.. ports],
        Addresses = [.. addresses],
    };

    public static EndpointAddress At(string address, string? pod = null, bool ready = true) => new(IPAddress.Parse(address), ready, pod);

    public static IPEndPoint EndPoint(string text) => IPEndPoint.Parse(text);

    public static MeshState State(params object[] parts)
    {
        var mesh = new MeshState();
        foreach (object part in parts)
            mesh.Add(part);
        return mesh;
    }

    public static void Add(this MeshState mesh, object part)
    {
        switch (part)
        {
            case Workload workload:
                mesh.Put(workload);
                break;
            case Node node:
                mesh.Put(node);
                break;
            case Service service:
                mesh.Put(service);
                break;
            case Gateway gateway:
                mesh.Put(gateway);
                break;
            default:
                mesh.Put((EndpointSet)part);
                break;
        }
    }

    public static Route Decide(this MeshState mesh, string destination) => mesh.Decide(Client, EndPoint(destination), new Pick(0));

    /// <summary>Always picks the endpoint of that index, counted around, or the next that can be used.</summary>
    public sealed class Pick(int index) : IEndpointPicker
    {
        Route? IEndpointPicker.Pick(in EndpointChoice choice)
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
