using System.Text;
using System.Text.Json.Nodes;
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
    private readonly ServerCertificates? _certificates;
    private readonly ServerHost _host;

    private ApiServer(ApiServerOptions options)
    {
        _options = options;
        Store store = new(options.HistoryLength);
        KindTable kinds = new();
        store.OnDefinition(new Definitions(store, kinds).Take);
        ServiceAddresses addresses = new(options.ServiceRanges);
        Deletion deletion = new(store, options.Time);
        Creation creation = new(store, deletion, addresses, options.Time);
        Change change = new(store, deletion, addresses, options.Time);
        Tokens tokens = new(store, options.Time);
        Authentication authentication = new(options, tokens);
        Authorization authorization = new(store, kinds, options.Rbac);
        Reviews reviews = new(authentication, authorization, tokens);
        Counters = new ApiCounters();
        Objects = new ApiObjects(store, kinds, creation, change, deletion);
        _certificates = options.Tls ? new ServerCertificates() : null;
        _host = new ServerHost(http => _dispatcher!.Answer(http), _certificates);
        Faults = new ApiFaults(store, _host, options.Time);
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
    public Uri Address => _host.Address;

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
        await server._host.Start();
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

    /// <summary>The root its certificate and those of its users are issued by, as PEM; null when it is reached by http.</summary>
    public string? RootPem => _certificates?.RootPem;

    /// <summary>A certificate that proves a user, and its key; only of a server that is reached by https.</summary>
    public (string CertificatePem, string KeyPem) IssueCertificate(ApiUser user) =>
        _certificates?.ForUser(user) ?? throw new InvalidOperationException("a server that is reached by http knows nobody by certificate");

    /// <summary>Writes a kubeconfig with which a user reaches the server: by a token, or by a certificate when the user has no token.</summary>
    public void WriteKubeconfig(string path, ApiUser? user = null)
    {
        ApiUser who = user ?? ApiUser.Admin;
        JsonObject cluster = new() { ["server"] = Address.GetLeftPart(UriPartial.Authority) }, proof = [];
        if (_certificates is not null)
            cluster["certificate-authority-data"] = Base64(_certificates.RootPem);
        if (who.Token is { } token)
        {
            proof["token"] = token;
        }
        else
        {
            (string certificate, string key) = IssueCertificate(who);
            proof["client-certificate-data"] = Base64(certificate);
            proof["client-key-data"] = Base64(key);
        }

        // YAML takes JSON as it is.
        File.WriteAllText(path, new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "Config",
            ["current-context"] = "test",
            ["clusters"] = new JsonArray(new JsonObject { ["name"] = "test", ["cluster"] = cluster }),
            ["users"] = new JsonArray(new JsonObject { ["name"] = who.Name, ["user"] = proof }),
            ["contexts"] = new JsonArray(new JsonObject
            {
                ["name"] = "test",
                ["context"] = new JsonObject { ["cluster"] = "test", ["user"] = who.Name },
            }),
        }.ToJsonString());
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Faults.DropWatches();
        await _host.DisposeAsync();
        _certificates?.Dispose();
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
