using System.Collections.Immutable;
using System.Net.Sockets;

namespace Ztunnel.Mesh;

/// <summary>One port of a service with the endpoints that serve it. Immutable but for what each endpoint knows of its pod.</summary>
internal sealed class ServicePortTable
{
    private readonly bool _anyFamily;
    private readonly EndpointGroups _ipv4;
    private readonly EndpointGroups _ipv6;
    private readonly MissingEndpoint _noIPv4;
    private readonly MissingEndpoint _noIPv6;

    public ServicePortTable(Service service, ServicePort port, ImmutableArray<Endpoint> endpoints, EndpointSet[] sets, ServicePortTable? next)
    {
        Next = next;
        Number = port.Port;
        // What stands for a ServiceEntry is often made up, and says nothing of the family its servers have.
        _anyFamily = service.Entry is not null;
        List<Endpoint> mine = Distinct(port, endpoints);
        Endpoint[] ipv4 = [.. mine.Where(endpoint => endpoint.Address.AddressFamily == AddressFamily.InterNetwork)];
        Endpoint[] ipv6 = [.. mine.Where(endpoint => endpoint.Address.AddressFamily == AddressFamily.InterNetworkV6)];
        _ipv4 = new EndpointGroups(service, ipv4);
        _ipv6 = new EndpointGroups(service, ipv6);
        _noIPv4 = new MissingEndpoint(service, port, ipv4, "IPv4", sets);
        _noIPv6 = new MissingEndpoint(service, port, ipv6, "IPv6", sets);
    }

    /// <summary>The service's next port.</summary>
    public ServicePortTable? Next { get; }

    public int Number { get; }

    /// <summary>Where a connection of <paramref name="client"/> goes that asked for an address of <paramref name="family"/>.</summary>
    public Route RouteTo(Workload client, Node? at, AddressFamily family, IEndpointPicker picker)
    {
        (EndpointGroups asked, EndpointGroups other, MissingEndpoint missing) =
            family == AddressFamily.InterNetwork ? (_ipv4, _ipv6, _noIPv4) : (_ipv6, _ipv4, _noIPv6);
        return asked.Pick(client, at, picker) ?? (_anyFamily ? other.Pick(client, at, picker) : null) ?? missing.Refusal();
    }

    /// <summary>The endpoints that serve the port. One may stand in two slices for a moment while they are rearranged; ready in either is ready.</summary>
    private static List<Endpoint> Distinct(ServicePort port, ImmutableArray<Endpoint> endpoints)
    {
        var distinct = new List<Endpoint>();
        var seen = new HashSet<Endpoint>(Endpoint.SamePlace);
        foreach (bool ready in (ReadOnlySpan<bool>)[true, false])
        {
            foreach (Endpoint endpoint in endpoints)
            {
                if (endpoint.Ready == ready && endpoint.Port == port && seen.Add(endpoint))
                    distinct.Add(endpoint);
            }
        }

        return distinct;
    }
}
