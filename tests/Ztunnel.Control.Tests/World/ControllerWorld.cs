using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>An API server, and a controller that has it for its cluster.</summary>
internal sealed class ControllerWorld : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ApiClient _client;
    private readonly Task _following;
    private long _settling;
    private CancellationTokenSource? _leading;
    private Task _writing = Task.CompletedTask;

    private ControllerWorld(ApiServer server, ControllerOptions options, EventRecorder? events, TimeProvider? time, ObjectKey? held = null)
    {
        Server = server;
        _client = Connect(server);
        IResourceSource source = new KubernetesSource(_client, new KubernetesSourceOptions { Role = MeshRole.Controller });
        if (held is not null)
            source = Lag = new HeldSource(source, held);
        Controller = new MeshController(_client, source, options, events, time);
        _following = Task.Run(() => Controller.Follow(_stop.Token));
    }

    public ApiServer Server { get; }

    public MeshController Controller { get; }

    /// <summary>Holds what is told of the object that it was started with.</summary>
    public HeldSource? Lag { get; }

    /// <summary>A controller that leads, with whatever is there already.</summary>
    public static Task<ControllerWorld> Start(params string[] manifests) => Start(null, manifests);

    /// <summary>As the other, with a source that may lag with one object.</summary>
    public static async Task<ControllerWorld> Start(ObjectKey? held, params string[] manifests)
    {
        ApiServer server = await ApiServer.Start();
        foreach (string manifest in manifests)
            server.Put(manifest);
        var world = new ControllerWorld(server, new ControllerOptions { Provisioning = Gateways.Options }, null, null, held);
        world.Lead();
        return world;
    }

    /// <summary>A controller that does not lead.</summary>
    public static ControllerWorld Beside(ApiServer server, EventRecorder? events = null, TimeProvider? time = null) =>
        new(server, new ControllerOptions { Provisioning = Gateways.Options }, events, time);

    /// <summary>The accounts that may read what gateways read.</summary>
    public string Subjects() => string.Join(' ', (Get("ClusterRoleBinding", "ztunnel-gateway")?["subjects"] as JsonArray ?? []).Select(subject => $"{subject!["namespace"]}/{subject["name"]}"));

    public static ApiClient Connect(ApiServer server) => new(
        ApiAccess.Insecure(server.Address), new ApiClientOptions { FirstDelay = TimeSpan.FromMilliseconds(20), LongestDelay = TimeSpan.FromMilliseconds(200) });

    public void Lead()
    {
        _leading = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        CancellationToken token = _leading.Token;
        _writing = Task.Run(() => Controller.Lead(token));
    }

    public async Task Resign()
    {
        if (_leading is not null)
            await _leading.CancelAsync();
        await _writing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Whether the controller knows of an object of a name.</summary>
    public bool Knows(string name) => Controller.Inventory.Snapshot().Objects.Any(@object => @object.Key.Name == name);

    public void Put(string manifests) => Server.Put(manifests);

    /// <summary>An object of a kind, by <c>namespace/name</c>; null where there is none.</summary>
    public JsonObject? Get(string kind, string name)
    {
        string[] parts = name.Split('/');
        return Server.Objects.Get(VersionOf(kind), kind, parts.Length == 2 ? parts[0] : "", parts[^1]);
    }

    public bool Delete(string kind, string name) => Server.Objects.Delete(VersionOf(kind), kind, name.Split('/')[0], name.Split('/')[1]);

    /// <summary>Changes an object as somebody else would, again where the controller was quicker.</summary>
    public void Edit(string kind, string name, Action<JsonObject> change)
    {
        while (!TryEdit(kind, name, change))
        {
            // What has changed meanwhile is read anew.
        }
    }

    /// <summary>What stands at a path of an object; see <see cref="Gateways.At"/>.</summary>
    public string At(string kind, string name, string path) => Get(kind, name).At(path);

    /// <summary>The condition of a type as <c>True/Reason: message</c>; "absent" for none.</summary>
    public string Condition(string kind, string name, string type) => Condition(Get(kind, name)?["status"]?["conditions"], type);

    public static string Condition(JsonNode? conditions, string type) =>
        (conditions as JsonArray)?.FirstOrDefault(condition => (string?)condition!["type"] == type) is { } found
            ? $"{found["status"]}/{found["reason"]}: {found["message"]}"
            : "absent";

    /// <summary>
    /// Waits until the controller has dealt with everything that was asked of it before: what is asked now of a Gateway of its own is
    /// done, twice over, and the statuses of all are written.
    /// </summary>
    public async Task Settled()
    {
        for (int round = 0; round < 2; round++)
        {
            string name = $"settled-{Guid.NewGuid():N}"[..20];
            Put($$"""
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: {{name}}, namespace: settled}
                spec: {gatewayClassName: istio-remote, addresses: [{type: Hostname, value: nowhere.example.com}], listeners: [{name: http, port: 80, protocol: HTTP}]}
                """);
            await Eventually.Holds(() => Condition("Gateway", $"settled/{name}", "Programmed").StartsWith("True", StringComparison.Ordinal));
            _settling++;
        }
    }

    /// <summary>How often something was written, by the path's end or resource.</summary>
    public long Writes => Server.Counters.Requests("patch") + Server.Counters.Requests("create") + Server.Counters.Requests("update") + Server.Counters.Requests("delete") - _settling;

    public async ValueTask DisposeAsync()
    {
        await Leave();
        await Server.DisposeAsync();
    }

    /// <summary>Ends the controller, and leaves the server.</summary>
    public async Task Leave()
    {
        await _stop.CancelAsync();
        await Resign();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _leading?.Dispose();
        _client.Dispose();
    }

    private bool TryEdit(string kind, string name, Action<JsonObject> change)
    {
        JsonObject value = Get(kind, name)!;
        change(value);
        try
        {
            Server.Objects.Put(value);
            return true;
        }
        catch (Exception conflict) when (conflict.Message.Contains("has been modified", StringComparison.Ordinal))
        {
            return false;
        }
    }

    private static string VersionOf(string kind) => kind switch
    {
        "Deployment" => "apps/v1",
        "Role" or "RoleBinding" or "ClusterRoleBinding" => "rbac.authorization.k8s.io/v1",
        "HorizontalPodAutoscaler" => "autoscaling/v2",
        "PodDisruptionBudget" => "policy/v1",
        "ReferenceGrant" => "gateway.networking.k8s.io/v1beta1",
        "Gateway" or "GatewayClass" or "HTTPRoute" => "gateway.networking.k8s.io/v1",
        "AuthorizationPolicy" => "security.istio.io/v1",
        "ServiceEntry" => "networking.istio.io/v1",
        _ => "v1",
    };
}
