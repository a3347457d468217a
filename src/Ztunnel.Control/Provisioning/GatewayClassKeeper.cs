using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Control;

/// <summary>Makes the GatewayClasses that Gateways name where they are not there. One that is there is its owner's.</summary>
internal sealed partial class GatewayClassKeeper
{
    private static readonly Dictionary<string, (string Controller, string Description)> Classes = new(StringComparer.Ordinal)
    {
        [GatewayControllers.IngressClass] = (GatewayControllers.Ingress, "Gateways into the cluster, run by Ztunnel"),
        [GatewayControllers.WaypointClass] = (GatewayControllers.Waypoint, "Waypoints of the mesh, run by Ztunnel"),
    };

    // Gateway API may be installed at any time, and deletions are told when it is.
    private static readonly TimeSpan WithoutGatewayApi = TimeSpan.FromSeconds(30);

    private readonly ApiClient _client;
    private readonly KnownObjects _objects;
    private readonly ILogger _logger;
    private readonly WorkQueue<string> _queue;

    public GatewayClassKeeper(ApiClient client, KnownObjects objects, TimeProvider time, ILogger logger)
    {
        (_client, _objects, _logger) = (client, objects, logger);
        _queue = new WorkQueue<string>(time, logger);
        objects.Changed += key =>
        {
            if (key.Kind == ObjectKind.GatewayClass && Classes.ContainsKey(key.Name))
                _queue.Add(key.Name);
        };
    }

    /// <summary>Makes them until cancelled.</summary>
    public Task Write(CancellationToken cancellationToken)
    {
        foreach (string name in Classes.Keys)
            _queue.Add(name);
        return _queue.Run(1, Make, cancellationToken);
    }

    private async Task Make(string name, CancellationToken cancellationToken)
    {
        if (_objects.Find<GatewayClassObject>(new ObjectKey(ObjectKind.GatewayClass, "", name)) is not null)
            return;
        (string controller, string description) = Classes[name];
        var @class = new JsonObject
        {
            ["apiVersion"] = ObjectKind.GatewayClass.ApiVersion,
            ["kind"] = ObjectKind.GatewayClass.Name,
            ["metadata"] = new JsonObject { ["name"] = name },
            ["spec"] = new JsonObject { ["controllerName"] = controller, ["description"] = description },
        };
        try
        {
            await _client.Create(ApiResource.GatewayClasses.All(), @class, cancellationToken);
            LogMade(name);
        }
        catch (ApiException error) when (error.IsConflict)
        {
            // Somebody was quicker.
        }
        catch (ApiException error) when (error.IsNotFound)
        {
            _queue.Add(name, WithoutGatewayApi);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "GatewayClass {Name} made")]
    private partial void LogMade(string name);
}
