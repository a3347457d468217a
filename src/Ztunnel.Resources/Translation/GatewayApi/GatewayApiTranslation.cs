using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Keeps what gateways serve, the routes of services and the statuses of both true to the Gateway API's objects. A change marks
/// the Gateways and services it concerns; <see cref="Settle"/> works out each of them once.
/// </summary>
internal sealed class GatewayApiTranslation
{
    private readonly MeshState _mesh;
    private readonly TranslatorOptions _options;
    private readonly GatewayApiObjects _objects;
    private readonly RouteResolver _resolver;
    private readonly ListenerRules _listeners;
    private readonly ReferenceGrants _grants = new();
    private readonly Certificates _certificates = new();
    private readonly RouteStatuses _statuses;
    private readonly ResourceInventory _inventory;

    private readonly Dictionary<RouteName, RouteObject> _routes = [];
    private readonly Dictionary<RouteName, RouteReferences> _references = [];
    private readonly Dictionary<(RouteName Route, bool Mesh), ResolvedRoute> _resolved = [];
    private readonly ReverseIndex<GatewayName, RouteName> _routesOfGateways = new();
    private readonly ReverseIndex<ObjectKey, RouteName> _routesOfServices = new();
    private readonly ReverseIndex<ServiceName, RouteName> _routesToBackends = new();
    private readonly ReverseIndex<string, RouteName> _routesToHosts = new(StringComparer.OrdinalIgnoreCase);
    private readonly ReverseIndex<string, RouteName> _routesIn = new();

    private readonly Dictionary<GatewayName, GatewayObject> _gateways = [];
    private readonly Dictionary<string, GatewayClassObject> _classes = new(StringComparer.Ordinal);
    private readonly ReverseIndex<string, GatewayName> _gatewaysOfClass = new();
    private readonly ReverseIndex<string, GatewayName> _gatewaysIn = new();
    private readonly ReverseIndex<(string Namespace, string Name), GatewayName> _gatewaysWithSecret = new();

    private readonly HashSet<GatewayName> _dueGateways = [];
    private readonly HashSet<ObjectKey> _dueServices = [];
    private readonly Dictionary<ObjectKey, ImmutableArray<ServiceName>> _routedHosts = [];

    public GatewayApiTranslation(MeshState mesh, TranslatorOptions options, ResourceInventory inventory, GatewayApiObjects objects)
    {
        _mesh = mesh;
        _options = options;
        _inventory = inventory;
        _objects = objects;
        _resolver = new RouteResolver(objects, _grants);
        _listeners = new ListenerRules(_certificates, _grants);
        _statuses = new RouteStatuses(inventory);
    }

    public void Put(GatewayObject gateway)
    {
        GatewayName name = NameOf(gateway);
        Leave(name);
        _gateways[name] = gateway;
        _gatewaysOfClass.Add(name, [gateway.ClassName]);
        _gatewaysIn.Add(name, [gateway.Metadata.Namespace]);
        _gatewaysWithSecret.Add(name, SecretsOf(gateway));
        _dueGateways.Add(name);
    }

    public void RemoveGateway(ObjectKey gateway)
    {
        var name = new GatewayName(gateway.Namespace, gateway.Name);
        Leave(name);
        _gateways.Remove(name);
        _dueGateways.Add(name);
    }

    /// <summary>Takes a class, or that there is none of that name. Its Gateways follow.</summary>
    public void PutClass(string name, GatewayClassObject? @class)
    {
        if (@class is null)
            _classes.Remove(name);
        else
            _classes[name] = @class;
        bool ours = @class is not null && GatewayControllers.IsOurs(@class.ControllerName);
        _inventory.SetStatus(new ObjectKey(ObjectKind.GatewayClass, "", name), !ours ? null : GatewayApiStatus.Of(@class!) with
        {
            Conditions = [new StatusCondition("Accepted", true, "Accepted", "Handled by Ztunnel")],
        });
        _dueGateways.UnionWith(_gatewaysOfClass.Of(name));
    }

    public void Put(RouteObject route)
    {
        RouteName name = route.Name;
        Leave(name);
        RouteReferences references = RouteReferences.Of(route);
        _routes[name] = route;
        _references[name] = references;
        _routesOfGateways.Add(name, references.Gateways);
        _routesOfServices.Add(name, references.Services);
        _routesToBackends.Add(name, references.Backends);
        _routesToHosts.Add(name, references.Hosts);
        _routesIn.Add(name, [route.Metadata.Namespace]);
        _statuses.Begin(route);
        Touch(name);
    }

    public void RemoveRoute(RouteObject route)
    {
        Leave(route.Name);
        _routes.Remove(route.Name);
        _references.Remove(route.Name);
        _statuses.End(route.Name);
    }

    public void Put(ReferenceGrantObject grant)
    {
        _grants.Put(grant);
        FollowGrants(grant.Metadata.Namespace);
    }

    public void RemoveGrant(ObjectKey grant)
    {
        _grants.Remove(grant);
        FollowGrants(grant.Namespace);
    }

    public void Put(SecretObject secret)
    {
        _certificates.Put(secret);
        _dueGateways.UnionWith(_gatewaysWithSecret.Of((secret.Metadata.Namespace, secret.Metadata.Name)));
    }

    public void RemoveSecret(ObjectKey secret)
    {
        _certificates.Remove(secret);
        _dueGateways.UnionWith(_gatewaysWithSecret.Of((secret.Namespace, secret.Name)));
    }

    /// <summary>Takes note of a service that came, changed or went.</summary>
    public void FollowService(ServiceName service)
    {
        foreach (RouteName route in _routesToBackends.Of(service))
            Touch(route);
        FollowHost($"{service.Name}.{service.Namespace}.svc.{_options.ClusterDomain}");
        var key = new ObjectKey(ObjectKind.Service, service.Namespace, service.Name);
        if (_routesOfServices.Of(key).Any())
            _dueServices.Add(key);
        _dueServices.UnionWith(EntriesIn(service.Namespace));
        FollowEndpoints(service);
    }

    /// <summary>Takes note of a service that has other endpoints, by which Gateways may be there or not.</summary>
    public void FollowEndpoints(ServiceName service) =>
        _dueGateways.UnionWith(_gatewaysIn.Of(service.Namespace).Where(gateway => GatewayAddresses.MayBeAt(_gateways[gateway], service.Name)));

    /// <summary>Takes note of a ServiceEntry that came, changed or went, and of the hosts it has or had.</summary>
    public void FollowEntry(ObjectKey entry, IEnumerable<string> hosts)
    {
        _dueServices.UnionWith(EntriesIn(entry.Namespace));
        foreach (string host in hosts)
            FollowHost(host);
    }

    /// <summary>Takes note of the labels of a namespace, by which listeners may select it.</summary>
    public void FollowNamespace(string @namespace)
    {
        foreach (RouteName route in _routesIn.Of(@namespace))
            _dueGateways.UnionWith(_references[route].Gateways);
    }

    /// <summary>Takes note of a pod that is labelled as an instance of a Gateway.</summary>
    public void FollowInstance(GatewayName gateway)
    {
        if (_gateways.ContainsKey(gateway))
            _dueGateways.Add(gateway);
    }

    /// <summary>Works out everything that is due; <paramref name="contain"/> keeps a fault at one object from the others.</summary>
    public void Settle(Action<ObjectKey, Action> contain)
    {
        if (_dueGateways.Count == 0 && _dueServices.Count == 0)
            return;
        GatewayName[] gateways = [.. _dueGateways];
        ObjectKey[] services = [.. _dueServices];
        _dueGateways.Clear();
        _dueServices.Clear();
        foreach (GatewayName gateway in gateways)
            contain(new ObjectKey(ObjectKind.Gateway, gateway.Namespace, gateway.Name), () => SettleGateway(gateway));
        foreach (ObjectKey service in services)
            contain(service, () => SettleService(service));
        _statuses.Publish();
    }

    private static GatewayName NameOf(GatewayObject gateway) => new(gateway.Metadata.Namespace, gateway.Metadata.Name);

    private static IEnumerable<(string Namespace, string Name)> SecretsOf(GatewayObject gateway) => gateway.Listeners
        .SelectMany(listener => listener.Tls?.Certificates ?? [])
        .Select(reference => (reference.Namespace ?? gateway.Metadata.Namespace, reference.Name));

    private void Leave(GatewayName name)
    {
        if (!_gateways.TryGetValue(name, out GatewayObject? old))
            return;
        _gatewaysOfClass.Remove(name, [old.ClassName]);
        _gatewaysIn.Remove(name, [name.Namespace]);
        _gatewaysWithSecret.Remove(name, SecretsOf(old));
    }

    private void Leave(RouteName name)
    {
        if (!_references.TryGetValue(name, out RouteReferences? old))
            return;
        Touch(name);
        _routesOfGateways.Remove(name, old.Gateways);
        _routesOfServices.Remove(name, old.Services);
        _routesToBackends.Remove(name, old.Backends);
        _routesToHosts.Remove(name, old.Hosts);
        _routesIn.Remove(name, [name.Namespace]);
    }

    /// <summary>A route is to be looked at anew, and so are all its parents.</summary>
    private void Touch(RouteName route)
    {
        _resolved.Remove((route, true));
        _resolved.Remove((route, false));
        _dueGateways.UnionWith(_references[route].Gateways);
        _dueServices.UnionWith(_references[route].Services);
    }

    /// <summary>The ServiceEntries of a namespace that routes are about: whose a host is may depend on all of them.</summary>
    private IEnumerable<ObjectKey> EntriesIn(string @namespace) => _routesOfServices.Targets.Concat(_routedHosts.Keys)
        .Where(key => key.Kind == ObjectKind.ServiceEntry && string.Equals(key.Namespace, @namespace, StringComparison.Ordinal));

    private void FollowHost(string host)
    {
        foreach (RouteName route in _routesToHosts.Of(host))
            Touch(route);
    }

    private void FollowGrants(string @namespace)
    {
        IEnumerable<RouteName> routes = _routesToBackends.Targets
            .Where(service => string.Equals(service.Namespace, @namespace, StringComparison.Ordinal))
            .SelectMany(_routesToBackends.Of)
            .Where(route => !string.Equals(route.Namespace, @namespace, StringComparison.Ordinal));
        foreach (RouteName route in routes.Distinct().ToArray())
            Touch(route);
        _dueGateways.UnionWith(_gatewaysWithSecret.Targets
            .Where(secret => string.Equals(secret.Namespace, @namespace, StringComparison.Ordinal))
            .SelectMany(_gatewaysWithSecret.Of));
    }

    private void SettleGateway(GatewayName name)
    {
        var key = new ObjectKey(ObjectKind.Gateway, name.Namespace, name.Name);
        GatewayObject? gateway = _gateways.GetValueOrDefault(name);
        GatewayClassObject? @class = gateway is null ? null : _classes.GetValueOrDefault(gateway.ClassName);
        GatewayRole role = gateway is null ? GatewayRole.Other : GatewayControllers.RoleOf(gateway, @class);
        RouteObject[] routes = [.. _routesOfGateways.Of(name).Select(route => _routes[route])];
        if (gateway is null || role is GatewayRole.Other or GatewayRole.EastWest)
        {
            _mesh.RemoveHttpGateway(name);
            _inventory.SetStatus(key, null);
            foreach (RouteObject route in routes)
                _statuses.Forget(route, IsParent(route, name));
            return;
        }

        ImmutableArray<ListenerState> listeners = _listeners.Judge(gateway, role);
        List<RouteAttachment> attachments =
        [
            .. from route in routes
               from index in IsParent(route, name)
               select RouteAttachment.Attach(route, index, gateway, listeners, _objects.NamespaceLabels(route.Metadata.Namespace)),
        ];
        ServiceObject[] services = [.. _objects.ServicesIn(name.Namespace).Where(service => GatewayAddresses.MayBeAt(gateway, service.Metadata.Name))];
        IReadOnlyCollection<PodObject> pods = _objects.Instances(name);
        GatewayAddresses addresses = !_options.InCluster
            ? GatewayAddresses.Of(gateway, services, pods, _options.ClusterDomain)
            : GatewayAddresses.InCluster(gateway, role, GatewayControllers.ControllerOf(gateway.ClassName, @class), services, pods, _objects.Endpoints, _options.ClusterDomain);
        var settlement = GatewaySettlement.Of(gateway, role, listeners, addresses, attachments, route => Resolve(route, mesh: false));
        if (settlement.Served is { } served)
            _mesh.Put(served);
        else
            _mesh.RemoveHttpGateway(name);
        _inventory.SetStatus(key, settlement.Status);
        string controller = GatewayControllers.ControllerOf(gateway.ClassName, @class) ?? GatewayControllers.Ingress;
        foreach ((RouteName route, int index, ValueArray<StatusCondition> conditions) in settlement.Routes)
            _statuses.Set(_routes[route], index, controller, conditions);
    }

    private void SettleService(ObjectKey key)
    {
        IEnumerable<(RouteObject, int)> parents = _routesOfServices.Of(key)
            .Select(route => _routes[route])
            .SelectMany(route => Enumerable.Range(0, route.Parents.Count)
                .Where(index => route.Parents[index].Service(route.Metadata.Namespace) == key)
                .Select(index => (route, index)));
        ServiceParent? parent = ParentOf(key);
        var settlement = ServiceSettlement.Of(key, parent, parents, route => Resolve(route, mesh: true));
        ImmutableArray<ServiceName> names = parent?.Names ?? [];
        foreach (ServiceName gone in _routedHosts.GetValueOrDefault(key, []).Except(names).Where(gone => !IsRoutedByAnother(gone, key)))
            _mesh.Put(new ServiceRoutes { Service = gone });
        foreach (ServiceName name in names)
            _mesh.Put(new ServiceRoutes { Service = name, Groups = settlement.Groups });
        if (names.IsEmpty || settlement.Groups.Count == 0)
            _routedHosts.Remove(key);
        else
            _routedHosts[key] = names;
        foreach ((RouteName route, int index, ValueArray<StatusCondition> conditions) in settlement.Parents)
            _statuses.Set(_routes[route], index, GatewayControllers.Ingress, conditions);
    }

    private bool IsRoutedByAnother(ServiceName host, ObjectKey entry) =>
        _mesh.ServiceByName(host)?.Entry is { } holder && _routesOfServices.Of(entry with { Name = holder.Name }).Any();

    /// <summary>What routes attach to; null where it is not there.</summary>
    private ServiceParent? ParentOf(ObjectKey key)
    {
        if (key.Kind == ObjectKind.Service)
        {
            var name = new ServiceName(key.Namespace, key.Name);
            return _objects.Service(name) is { } service ? new ServiceParent([name], service.Ports, service.ExternalName) : null;
        }

        return _objects.Entry(key) is { } entry
            ? new ServiceParent([.. _mesh.ServicesOfEntry(key.Namespace, key.Name).Select(service => service.Name)], entry.Ports, ExternalName: false)
            : null;
    }

    private static IEnumerable<int> IsParent(RouteObject route, GatewayName gateway) => Enumerable.Range(0, route.Parents.Count)
        .Where(index => route.Parents[index] is { IsGateway: true } parent && gateway == new GatewayName(parent.Namespace ?? route.Metadata.Namespace, parent.Name));

    private ResolvedRoute Resolve(RouteObject route, bool mesh)
    {
        if (!_resolved.TryGetValue((route.Name, mesh), out ResolvedRoute? resolved))
            _resolved[(route.Name, mesh)] = resolved = _resolver.Resolve(route, mesh);
        return resolved;
    }
}
