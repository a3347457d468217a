namespace Ztunnel.Mesh;

/// <summary>What readers need to know of one address: a service's virtual IP, a workload's address, or neither.</summary>
/// <param name="Service">The service, when the address is a virtual IP; then nothing else is set but <see cref="Claimants"/>.</param>
/// <param name="Workload">The workload the address belongs to.</param>
/// <param name="Fixed">The route for every port, where one will do.</param>
/// <param name="ByPort">The routes by port otherwise.</param>
internal sealed record AddressEntry(ServiceCell? Service, Workload? Workload, Route? Fixed, PortRoutes? ByPort)
{
    public static readonly AddressEntry Unknown = new(null, null, Route.Passthrough.Unchanged, null);

    private RedirectedRoutes? _redirected;

    /// <summary>All services that say the address is theirs, where who has it depends on the client; empty where it does not.</summary>
    public ServiceCell[] Claimants { get; init; } = [];

    /// <summary>The endpoints there of services that ask for a waypoint.</summary>
    public Endpoint[] Guarded { get; init; } = [];

    /// <summary>The ways to the workload through its waypoint; made for those that have one.</summary>
    public RedirectedRoutes Redirected => _redirected ??= new RedirectedRoutes();

    /// <summary>The service for clients in a namespace.</summary>
    public ServiceCell? ServiceFor(string? client) => Claimants.Length == 0 ? Service : ServiceClaims.Choose(Claimants, client);

    public Route RouteTo(ushort port) => Fixed ?? ByPort?.For(port) ?? Route.Passthrough.Unchanged;
}
