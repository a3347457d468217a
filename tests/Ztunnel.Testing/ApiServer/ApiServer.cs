using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Ztunnel.Testing.Api;

namespace Ztunnel.Testing;

/// <summary>
/// A Kubernetes API server for tests, in this process, on loopback. It keeps the real one's rules as far as programs and kubectl can
/// see them: versions, conflicts, watches, patches, selectors, defaults. Nothing else of a cluster runs: no scheduler, no controllers,
/// no kubelet, but what an owner's deletion takes along and what a namespace holds.
/// </summary>
public sealed class ApiServer : IAsyncDisposable
{
    private readonly ApiServerOptions _options;
    private readonly Dispatcher _dispatcher;
    private readonly PodExec _exec = new();
    private WebApplication? _host;

    private ApiServer(ApiServerOptions options)
    {
        _options = options;
        Store store = new(options.HistoryLength);
        KindTable kinds = new();
        store.OnDefinition(new Definitions(store, kinds).Take);
        ServiceAddresses addresses = new(options.ServiceRanges);
        Creation creation = new(store, addresses, options.Time);
        Deletion deletion = new(store, options.Time);
        Change change = new(store, deletion, addresses, options.Time);
        Tokens tokens = new(store, options.Time);
        Authentication authentication = new(options, tokens);
        Api.Authorization authorization = new(store, kinds, options.Rbac);
        Reviews reviews = new(authentication, authorization, tokens);
        Counters = new ApiCounters();
        Faults = new ApiFaults(store, options.Time);
        Objects = new ApiObjects(store, kinds, creation, change, deletion);
        _dispatcher = new Dispatcher(
            kinds,
            new Documents(kinds, new OpenApi(kinds), options),
            new Reads(store),
            new Watches(store, options),
            new WriteVerbs(store, creation, change, deletion, new Applying(store, creation, change, options.Time)),
            new Subresources(store, change, deletion, tokens, reviews, _exec, options.Time),
            authentication,
            authorization,
            Counters,
            Faults,
            options.Time);
        Install(options.Crds);
        foreach (string name in (string[])["default", "kube-system", "kube-public", "kube-node-lease"])
            Objects.Put(new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Namespace", ["metadata"] = new JsonObject { ["name"] = name } });
    }

    /// <summary>Where it is reached.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Its objects, for set-up and inspection without requests.</summary>
    public ApiObjects Objects { get; }

    /// <summary>What runs the commands of <c>kubectl exec</c>; null while there are no nodes.</summary>
    public Func<PodCommand, CancellationToken, Task<PodCommandResult>>? Exec
    {
        get => _exec.Run;
        set => _exec.Run = value;
    }

    /// <summary>What goes wrong.</summary>
    public ApiFaults Faults { get; }

    /// <summary>What it was asked and what it sent.</summary>
    public ApiCounters Counters { get; }

    /// <summary>Starts a server on a free port of loopback.</summary>
    public static async Task<ApiServer> Start(ApiServerOptions? options = null)
    {
        ApiServer server = new(options ?? new ApiServerOptions());
        await server.Listen(0);
        return server;
    }

    /// <summary>Creates or replaces the objects of a YAML or JSON text; see <see cref="ApiObjects.Put(string)"/>.</summary>
    public JsonObject Put(string manifests) => Objects.Put(manifests);

    /// <summary>Installs CustomResourceDefinitions; from then on their kinds are served.</summary>
    public void Install(InstalledCrds crds)
    {
        IEnumerable<ResourceKind> kinds = [];
        if (crds.HasFlag(InstalledCrds.GatewayApi))
            kinds = kinds.Concat(CustomKinds.OfGatewayApi);
        if (crds.HasFlag(InstalledCrds.Istio))
            kinds = kinds.Concat(CustomKinds.OfIstio);
        foreach (ResourceKind kind in kinds)
            Objects.Put(Definitions.Of(kind, _options.GatewayApiVersion));
    }

    /// <summary>Writes a kubeconfig with which a user reaches the server.</summary>
    public void WriteKubeconfig(string path, ApiUser? user = null)
    {
        ApiUser who = user ?? ApiUser.Admin;
        File.WriteAllText(path, $"""
            apiVersion: v1
            kind: Config
            current-context: test
            clusters:
            - name: test
              cluster:
                server: {Address.GetLeftPart(UriPartial.Authority)}
            users:
            - name: {who.Name}
              user:
                token: {who.Token}
            contexts:
            - name: test
              context:
                cluster: test
                user: {who.Name}

            """);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _host, null) is not { } host)
            return;
        Faults.DropWatches();
        await host.StopAsync(new CancellationToken(canceled: true));
        await host.DisposeAsync();
    }

    private async Task Listen(int port)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 64 << 20;
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        WebApplication host = builder.Build();
        host.UseWebSockets();
        host.Run(_dispatcher.Answer);
        await host.StartAsync();
        _host = host;
        Address = new Uri(host.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }
}
