using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>
/// Keeps the model's gateways true to the Gateways and their classes (istio/istio, the ambient controller's waypoint
/// collection). Without a control plane that writes a Gateway's status its instances are found behind the Service of its name.
/// </summary>
internal sealed class GatewayTranslation(MeshState mesh, TranslatorOptions options, ResourceInventory inventory)
{
    private const string WaypointForLabel = "istio.io/waypoint-for";

    private static readonly string TrafficField = $"metadata.labels[{WaypointForLabel}]";

    private readonly Dictionary<ObjectKey, GatewayObject> _gateways = [];
    private readonly Dictionary<string, GatewayClassObject> _classes = new(StringComparer.Ordinal);
    private readonly Dictionary<string, HashSet<ObjectKey>> _byClass = new(StringComparer.Ordinal);

    public void Put(GatewayObject gateway)
    {
        Leave(gateway.Key);
        _gateways[gateway.Key] = gateway;
        if (!_byClass.TryGetValue(gateway.ClassName, out HashSet<ObjectKey>? ofClass))
            _byClass.Add(gateway.ClassName, ofClass = []);
        ofClass.Add(gateway.Key);
        Settle(gateway);
    }

    public void Remove(ObjectKey gateway)
    {
        Leave(gateway);
        _gateways.Remove(gateway);
        mesh.RemoveGateway(new GatewayName(gateway.Namespace, gateway.Name));
    }

    /// <summary>Takes a class, or that there is none of that name. Its Gateways follow.</summary>
    public void PutClass(string name, GatewayClassObject? @class)
    {
        if (@class is null)
            _classes.Remove(name);
        else
            _classes[name] = @class;
        foreach (ObjectKey key in _byClass.GetValueOrDefault(name) ?? [])
            Settle(_gateways[key]);
    }

    private void Leave(ObjectKey gateway)
    {
        if (!_gateways.TryGetValue(gateway, out GatewayObject? old))
            return;
        _byClass[old.ClassName].Remove(gateway);
        if (_byClass[old.ClassName].Count == 0)
            _byClass.Remove(old.ClassName);
    }

    private void Settle(GatewayObject gateway)
    {
        GatewayRole role = GatewayControllers.RoleOf(gateway, _classes.GetValueOrDefault(gateway.ClassName));
        mesh.Put(new Gateway
        {
            Name = new GatewayName(gateway.Metadata.Namespace, gateway.Metadata.Name),
            Class = gateway.ClassName,
            Ingress = role is GatewayRole.Ingress or GatewayRole.Remote,
            Waypoint = role == GatewayRole.Waypoint ? Describe(gateway) : null,
        });
    }

    private Waypoint Describe(GatewayObject gateway)
    {
        string? account = GatewayNaming.AccountOf(gateway);
        return new Waypoint
        {
            // What is for a service account goes back to when waypoints took all of an account's traffic.
            Traffic = TrafficOf(gateway) ?? (account is null ? WaypointTraffic.Service : WaypointTraffic.All),
            Allowed = gateway.Listeners.FirstOrDefault(listener => GatewayControllers.IsHbone(listener) && listener.Port == CaptureContract.HbonePort)?.AllowedNamespaces
                ?? AllowedNamespaces.Same,
            Target = TargetOf(gateway),
            ServiceAccount = account,
        };
    }

    /// <summary>What its label says, or its class's; null when neither does.</summary>
    private WaypointTraffic? TrafficOf(GatewayObject gateway)
    {
        string? text = gateway.Metadata.Labels[WaypointForLabel] ?? _classes.GetValueOrDefault(gateway.ClassName)?.Metadata.Labels[WaypointForLabel];
        WaypointTraffic? traffic = text switch
        {
            null => null,
            "service" => WaypointTraffic.Service,
            "workload" => WaypointTraffic.Workload,
            "all" => WaypointTraffic.All,
            _ => WaypointTraffic.None,
        };
        bool known = traffic is not WaypointTraffic.None || text is "none";
        inventory.SetProblem(
            gateway.Key, TrafficField, known ? null : $"expected service, workload, all or none, got {YamlScalar.Show(text!)}; taken for none");
        return traffic;
    }

    private GatewayTarget TargetOf(GatewayObject gateway)
    {
        if (gateway.Addresses.FirstOrDefault(address => address.Type is GatewayAddress.Hostname) is { Value: var hostname })
            return ServiceCalled(hostname, gateway.Metadata.Namespace);
        if (gateway.Addresses.FirstOrDefault(address => address.Type is GatewayAddress.IPAddress) is { Value: var address })
            return new GatewayTarget.Address(IPAddress.Parse(address));
        string name = GatewayNaming.NameOf(gateway, GatewayControllers.Waypoint);
        return new GatewayTarget.Service(new ServiceName(gateway.Metadata.Namespace, name));
    }

    private GatewayTarget ServiceCalled(string hostname, string @namespace) =>
        ServiceHostname.Find(hostname, @namespace, options.ClusterDomain) is { } service
            ? new GatewayTarget.Service(service)
            : new GatewayTarget.Unusable($"its address {hostname} names no Service of its namespace");
}
