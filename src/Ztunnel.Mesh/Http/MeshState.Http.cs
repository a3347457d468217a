using System.Collections.Concurrent;
using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <content>What gateways and waypoints serve.</content>
public sealed partial class MeshState
{
    private readonly ConcurrentDictionary<GatewayName, HttpGateway> _httpGateways = new();
    private readonly ConcurrentDictionary<ServiceName, ImmutableArray<GatewayName>> _servedByServices = new();
    private readonly ConcurrentDictionary<ServiceName, ServiceRoutes> _serviceRoutes = new();
    private ImmutableArray<Action<HttpGatewayChange>> _gatewayObservers = [];

    /// <summary>All Gateways that have requests to serve, in no order; as <see cref="Workloads"/>.</summary>
    public IEnumerable<HttpGateway> HttpGateways => _httpGateways.Select(entry => entry.Value);

    /// <summary>The Gateway of that name, if it has requests to serve.</summary>
    public HttpGateway? HttpGatewayOf(GatewayName name) => _httpGateways.GetValueOrDefault(name);

    /// <summary>
    /// The Gateways that a pod serves: the one it is labelled as an instance of, and those bound to a service that it is an
    /// endpoint of. <see cref="HttpPort.Of"/> makes them into what it listens on. <see cref="ObserveHttpGateways"/> tells when
    /// to ask again, and a change of the workload itself.
    /// </summary>
    public ImmutableArray<HttpGateway> HttpGatewaysOf(Workload workload)
    {
        ArgumentNullException.ThrowIfNull(workload);
        IEnumerable<GatewayName> bound = _servedByServices.Where(entry => IsEndpoint(workload, entry.Key)).SelectMany(entry => entry.Value);
        IEnumerable<HttpGateway> labelled = workload.Gateway is { } name && HttpGatewayOf(name) is { Services.Count: 0 } own ? [own] : [];
        return [.. labelled.Concat(bound.Distinct().Select(HttpGatewayOf).OfType<HttpGateway>()).OrderBy(gateway => gateway.Name, GatewayName.Order)];
    }

    /// <summary>
    /// The routes for requests of a client in <paramref name="clientNamespace"/> to a port of a service. Null where there are
    /// none, and the request goes to the service; where there are, a request that none of them is for is answered with 404.
    /// </summary>
    public HttpRouteTable? RoutesFor(ServiceName service, ushort port, string clientNamespace) =>
        _serviceRoutes.GetValueOrDefault(service)?.For(port, clientNamespace);

    /// <summary>All routes that have a service as their parent, in no order; as <see cref="Workloads"/>.</summary>
    public IEnumerable<ServiceRoutes> ServiceRoutes => _serviceRoutes.Select(entry => entry.Value);

    /// <summary>
    /// The ports at which a pod gets what clients send to <paramref name="port"/> of the Gateways it serves: behind a service that
    /// a Gateway is bound to the target port, and else the same.
    /// </summary>
    public ImmutableArray<ushort> PodPorts(Workload workload, ushort port) =>
    [
        .. HttpGatewaysOf(workload)
            .Where(gateway => gateway.Listeners.Any(listener => listener.Port == port))
            .SelectMany(gateway => PodPorts(workload, gateway, port))
            .Distinct(),
    ];

    /// <summary>
    /// Tells <paramref name="observer"/> of every Gateway with requests to serve, as if it had just appeared, and then of every
    /// change; also, with the same old and new, when the endpoints of a service that it is bound to change. As
    /// <see cref="Observe"/> in everything else.
    /// </summary>
    public IDisposable ObserveHttpGateways(Action<HttpGatewayChange> observer)
    {
        ArgumentNullException.ThrowIfNull(observer);
        lock (_writing)
        {
            foreach (HttpGateway gateway in HttpGateways)
                observer(new HttpGatewayChange(null, gateway));
            _gatewayObservers = _gatewayObservers.Add(observer);
        }

        return new GatewayObservation(this, observer);
    }

    /// <summary>Adds what a Gateway serves or replaces it. Nothing happens when it is equal to what was there.</summary>
    public void Put(HttpGateway gateway)
    {
        ArgumentNullException.ThrowIfNull(gateway);
        lock (_writing)
        {
            HttpGateway? old = _httpGateways.GetValueOrDefault(gateway.Name);
            if (old == gateway)
                return;
            Unbind(old);
            _httpGateways[gateway.Name] = gateway;
            foreach (ServiceName service in gateway.Services)
                _servedByServices[service] = _servedByServices.GetValueOrDefault(service, []).Add(gateway.Name);
            EntriesWritten++;
            Tell(new HttpGatewayChange(old, gateway));
        }
    }

    /// <summary>Removes what a Gateway serves, if it is there.</summary>
    public void RemoveHttpGateway(GatewayName name)
    {
        lock (_writing)
        {
            if (!_httpGateways.TryRemove(name, out HttpGateway? old))
                return;
            Unbind(old);
            EntriesWritten++;
            Tell(new HttpGatewayChange(old, null));
        }
    }

    /// <summary>Replaces the routes that have a service as their parent; without groups there are none.</summary>
    public void Put(ServiceRoutes routes)
    {
        ArgumentNullException.ThrowIfNull(routes);
        lock (_writing)
        {
            if (routes.Groups.Count > 0)
                _serviceRoutes[routes.Service] = routes;
            else
                _serviceRoutes.TryRemove(routes.Service, out _);
            EntriesWritten++;
        }
    }

    private IEnumerable<ushort> PodPorts(Workload workload, HttpGateway gateway, ushort port) => gateway.Services
        .SelectMany(service => EndpointsOf(service))
        .Where(endpoint => endpoint.Port.Port == port && IsEndpoint(workload, endpoint))
        .Select(endpoint => (ushort)endpoint.Address.Port)
        .DefaultIfEmpty(port);

    private bool IsEndpoint(Workload workload, ServiceName service) => EndpointsOf(service).Any(endpoint => IsEndpoint(workload, endpoint));

    private static bool IsEndpoint(Workload workload, Endpoint endpoint) => endpoint.Pod is null
        ? workload.Addresses.Contains(endpoint.Address.Address)
        : string.Equals(endpoint.Pod, workload.Name, StringComparison.Ordinal)
            && string.Equals(endpoint.Service.Name.Namespace, workload.Namespace, StringComparison.Ordinal);

    private void Unbind(HttpGateway? gateway)
    {
        foreach (ServiceName service in gateway?.Services ?? [])
        {
            ImmutableArray<GatewayName> rest = _servedByServices[service].Remove(gateway!.Name);
            if (rest.IsEmpty)
                _servedByServices.TryRemove(service, out _);
            else
                _servedByServices[service] = rest;
        }
    }

    /// <summary>Tells that the pods behind a service may be others.</summary>
    private void TellGatewaysOf(ServiceName service)
    {
        if (!_servedByServices.TryGetValue(service, out ImmutableArray<GatewayName> gateways))
            return;
        foreach (HttpGateway gateway in gateways.Select(HttpGatewayOf).OfType<HttpGateway>())
            Tell(new HttpGatewayChange(gateway, gateway));
    }

    private void Tell(HttpGatewayChange change)
    {
        foreach (Action<HttpGatewayChange> observer in _gatewayObservers)
            observer(change);
    }

    private sealed class GatewayObservation(MeshState state, Action<HttpGatewayChange> observer) : IDisposable
    {
        public void Dispose()
        {
            lock (state._writing)
                state._gatewayObservers = state._gatewayObservers.Remove(observer);
        }
    }
}
