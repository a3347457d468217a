using System.Collections.Immutable;
using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>Where a Gateway is asked to be, and where it is.</summary>
/// <param name="Services">The services whose pods serve it; none where the pods labelled with its name do, null where nobody can.</param>
/// <param name="Assigned">Where it is reached.</param>
/// <param name="Unsupported">The first kind of address that is asked for and not known; null for none.</param>
/// <param name="Fault">Why it is not reached where it was asked to be, with Gateway API's reason; null when it is.</param>
/// <param name="AssignedTo">What it is assigned to, as the end of a sentence; null where that is not known by name.</param>
internal sealed record GatewayAddresses(
    ImmutableArray<ServiceName>? Services, ValueArray<GatewayAddress> Assigned, string? Unsupported, (string Reason, string Message)? Fault, string? AssignedTo = null)
{
    /// <summary>Gateway API's reason where an address can never work as it is.</summary>
    public const string NotUsable = "AddressNotUsable";

    /// <summary>Gateway API's reason where there is none yet.</summary>
    public const string NotAssigned = "AddressNotAssigned";

    /// <summary>Works it out.</summary>
    /// <param name="gateway">The Gateway.</param>
    /// <param name="services">The services of the Gateway's namespace that <see cref="MayBeAt"/> says may have to do with it.</param>
    /// <param name="pods">The pods that are labelled with its name.</param>
    /// <param name="clusterDomain">The DNS domain of services.</param>
    public static GatewayAddresses Of(
        GatewayObject gateway, IReadOnlyCollection<ServiceObject> services, IReadOnlyCollection<PodObject> pods, string clusterDomain)
    {
        GatewayAddress[] asked = [.. gateway.RequestedAddresses.Where(address => address.Value.Length > 0)];
        string? unsupported = gateway.RequestedAddresses.FirstOrDefault(address => address.Type is not (GatewayAddress.IPAddress or GatewayAddress.Hostname))?.Type;
        if (asked.Length == 0)
            return Unasked(gateway, services, pods, unsupported);
        var bound = new List<ServiceName>();
        var assigned = new List<GatewayAddress>();
        string? fault = null;
        foreach (GatewayAddress address in asked.Where(address => address.Type is GatewayAddress.IPAddress or GatewayAddress.Hostname))
        {
            ServiceName? named = address.Type == GatewayAddress.Hostname
                ? ServiceHostname.Find(address.Value, gateway.Metadata.Namespace, clusterDomain)
                : ByAddress(services, IPAddress.Parse(address.Value));
            if (named is not null)
                bound.Add(named);
            ServiceObject? service = services.FirstOrDefault(candidate => ObjectTranslation.NameOf(candidate) == named);
            if (service is not null || IsPod(pods, address))
                assigned.Add(address);
            else
                fault ??= $"no Service of namespace {gateway.Metadata.Namespace} has the address {address.Value}";
            if (service is not null)
                fault ??= MissingPort(gateway, service);
        }

        // Asked to be where nothing is, it is not served by pods that happen to carry its name.
        ImmutableArray<ServiceName>? serving = bound.Count == 0 && assigned.Count == 0 ? null : [.. bound.Distinct()];
        return new GatewayAddresses(serving, [.. assigned], unsupported, fault is null ? null : (NotUsable, fault));
    }

    /// <summary>
    /// As <see cref="Of"/> in a cluster, where Services are made for Gateways, endpoints for Services and load balancers for some.
    /// </summary>
    /// <param name="gateway">The Gateway.</param>
    /// <param name="role">What it is.</param>
    /// <param name="controller">The controller of its class.</param>
    /// <param name="services">The services of the Gateway's namespace that <see cref="MayBeAt"/> says may have to do with it.</param>
    /// <param name="pods">The pods that are labelled with its name.</param>
    /// <param name="endpoints">The endpoints of a service.</param>
    /// <param name="clusterDomain">The DNS domain of services.</param>
    public static GatewayAddresses InCluster(
        GatewayObject gateway,
        GatewayRole role,
        string? controller,
        IReadOnlyCollection<ServiceObject> services,
        IReadOnlyCollection<PodObject> pods,
        Func<ServiceName, ImmutableArray<Endpoint>> endpoints,
        string clusterDomain)
    {
        GatewayAddresses plain = Of(gateway, services, pods, clusterDomain);
        GatewayAddress[] asked = [.. gateway.RequestedAddresses.Where(address => address.Value.Length > 0)];
        // Whether an address is had can be seen of the address.
        if (plain.Services is null || asked.Any(address => address.Type != GatewayAddress.Hostname))
            return plain;
        IEnumerable<ServiceName> names = asked.Length > 0 ? plain.Services : [new ServiceName(gateway.Metadata.Namespace, GatewayNaming.NameOf(gateway, controller))];
        var reach = ClusterAddresses.Of(gateway, role, names, services, endpoints, clusterDomain);
        bool complete = asked.Length == plain.Services.Value.Length || asked.Length == 0;
        return plain with { Assigned = reach.Addresses, Fault = complete ? reach.Fault : plain.Fault, AssignedTo = reach.AssignedTo };
    }

    /// <summary>Whether a service of a Gateway's namespace may have to do with where it is: by name, or by an address that is asked for.</summary>
    public static bool MayBeAt(GatewayObject gateway, string service)
    {
        GatewayAddress[] asked = [.. gateway.RequestedAddresses.Where(address => address.Value.Length > 0)];
        if (asked.Length == 0)
            return MadeFor(gateway).Contains(service, StringComparer.Ordinal);
        return asked.Any(address => address.Type == GatewayAddress.IPAddress || string.Equals(address.Value.Split('.')[0], service, StringComparison.Ordinal));
    }

    /// <summary>What the service made for a Gateway may be called.</summary>
    private static string[] MadeFor(GatewayObject gateway)
    {
        string name = gateway.Metadata.Annotations[GatewayNaming.NameOverride] is { Length: > 0 } other ? other : gateway.Metadata.Name;
        return [$"{name}-{gateway.ClassName}", name];
    }

    private static GatewayAddresses Unasked(
        GatewayObject gateway, IReadOnlyCollection<ServiceObject> services, IReadOnlyCollection<PodObject> pods, string? unsupported)
    {
        string[] names = MadeFor(gateway);
        ServiceObject? made = names
            .Select(name => services.FirstOrDefault(service => string.Equals(service.Metadata.Name, name, StringComparison.Ordinal)))
            .FirstOrDefault(service => service is not null);
        IEnumerable<IPAddress> addresses = made is { ClusterIps.Count: > 0 } ? made.ClusterIps : pods.SelectMany(pod => pod.Addresses);
        ValueArray<GatewayAddress> assigned = [.. addresses.Select(address => new GatewayAddress(GatewayAddress.IPAddress, address.ToString()))];
        string missing = $"no Service is called {string.Join(" or ", names)}, and no pod is labelled {WaypointLabels.GatewayInstance}: {gateway.Metadata.Name}";
        return new GatewayAddresses([], assigned, unsupported, assigned.Count > 0 ? null : (NotAssigned, missing));
    }

    private static bool IsPod(IReadOnlyCollection<PodObject> pods, GatewayAddress address) =>
        address.Type == GatewayAddress.IPAddress && pods.Any(pod => pod.Addresses.Contains(IPAddress.Parse(address.Value)));

    private static ServiceName? ByAddress(IReadOnlyCollection<ServiceObject> services, IPAddress address) =>
        services.FirstOrDefault(service => service.ClusterIps.Contains(address) || service.Ingress.Any(at => at.Value == address.ToString())) is { } holder ? ObjectTranslation.NameOf(holder) : null;

    private static string? MissingPort(GatewayObject gateway, ServiceObject service) =>
        gateway.Listeners.FirstOrDefault(listener => !service.Ports.Any(port => port.Port == listener.Port)) is { } unserved
            ? $"Service {ObjectTranslation.NameOf(service)} has no port {unserved.Port}, which listener {unserved.Name} is on"
            : null;
}
