using System.Diagnostics;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;
using Ztunnel.Kubernetes;
using Ztunnel.Mesh;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>An API server and replicas of the authority that go by it, by a clock that a test moves.</summary>
internal sealed class AuthorityCluster : IAsyncDisposable
{
    private readonly List<ClusterAuthority> _replicas = [];
    private readonly List<ApiClient> _clients = [];
    private readonly List<EventRecorder> _events = [];
    private readonly List<Task> _leading = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("ztunnel-cluster-ca-");

    private AuthorityCluster(ApiServer server) => Server = server;

    public ApiServer Server { get; }

    public ManualTime Time { get; } = new(TimeProvider.System.GetUtcNow());

    public TextLog Log { get; } = new();

    public ClusterAuthorityOptions Options { get; private set; } = new() { Listen = new IPEndPoint(IPAddress.Loopback, 0) };

    public static async Task<AuthorityCluster> Start(ApiClientOptions? reviewing = null)
    {
        var cluster = new AuthorityCluster(await ApiServer.Start());
        if (reviewing is not null)
            cluster.Options = cluster.Options with { Reviewing = reviewing };
        cluster.Server.Put("""
            apiVersion: v1
            kind: Namespace
            metadata: {name: istio-system}
            ---
            apiVersion: v1
            kind: Namespace
            metadata: {name: gateways}
            ---
            apiVersion: v1
            kind: Namespace
            metadata: {name: plain}
            ---
            apiVersion: v1
            kind: ServiceAccount
            metadata: {name: ztunnel, namespace: istio-system}
            ---
            apiVersion: v1
            kind: ServiceAccount
            metadata: {name: web, namespace: demo}
            """);
        return cluster;
    }

    /// <summary>A replica that follows; with <paramref name="leads"/> it leads too.</summary>
    public ClusterAuthority Replica(bool leads = true)
    {
        var api = new ApiClient(
            ApiAccess.Insecure(Server.Address),
            new ApiClientOptions { RequestsPerSecond = 1000, Burst = 1000, Tries = 2, FirstDelay = TimeSpan.FromMilliseconds(20), Timeout = TimeSpan.FromSeconds(10) },
            logger: Log);
        _clients.Add(api);
        var events = new EventRecorder(api, "ztunnel.io/controller", $"replica-{_replicas.Count}");
        _events.Add(events);
        var replica = new ClusterAuthority(api, Options, new LogToOne(Log), events, Time);
        _replicas.Add(replica);
        foreach ((string name, bool ambient) in new[] { ("istio-system", false), ("demo", true), ("plain", false), ("gateways", false) })
            Observe(Namespace(name, ambient), replica);
        Observe(
            new ResourceEvent.Put(
                new GatewayObject { Metadata = new ObjectMetadata { Name = "edge", Namespace = "gateways" }, ClassName = "istio" }, new Origin("test", 1)),
            replica);
        foreach (string node in new[] { "node-a", "node-b" })
        {
            Observe(Pod("istio-system", $"ztunnel-{node}", node, "ztunnel"), replica);
            Observe(Pod("demo", $"web-{node}", node, "web"), replica);
        }

        Observe(new ResourceEvent.Synced(), replica);
        replica.Start();
        if (leads)
            _leading.Add(replica.Lead(_stop.Token));
        return replica;
    }

    public static ResourceEvent.Put Namespace(string name, bool ambient) => new(
        new NamespaceObject
        {
            Metadata = new ObjectMetadata { Name = name, Labels = ambient ? new StringMap([new("istio.io/dataplane-mode", "ambient")]) : StringMap.Empty },
        },
        new Origin("test", 1));

    public static void Observe(ResourceEvent change, ClusterAuthority replica) => replica.Observe(change);

    /// <summary>The roots that a namespace's ConfigMap has; empty where there is none.</summary>
    public string RootsIn(string ns) =>
        (string?)Server.Objects.Get("v1", "ConfigMap", ns, RootSpreader.Name)?["data"]?[RootSpreader.FileName] ?? "";

    public string Secret(string file) => Server.Objects.Get("v1", "Secret", "istio-system", "ztunnel-ca")?["data"]?[file] is { } data
        ? Encoding.UTF8.GetString(Convert.FromBase64String((string)data!))
        : "";

    /// <summary>Whether all roots are known to be everywhere they have to be.</summary>
    public bool IsSpread => Secret("rotation.json") is var steps
        && steps.Contains("\"since\":", StringComparison.Ordinal) && !steps.Contains("\"since\":null", StringComparison.Ordinal);

    /// <summary>Held by whoever calls the authority: a real clock does not leap while a call is under way.</summary>
    public SemaphoreSlim Calls { get; } = new(1);

    /// <summary>Moves the clock between two calls.</summary>
    public async Task Pass(TimeSpan time)
    {
        await Calls.WaitAsync();
        Time.Advance(time);
        Calls.Release();
    }

    /// <summary>Lets time pass, so that whoever looks every so often gets to, until something holds.</summary>
    public async Task Until(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string text = "")
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > 2 * Eventually.Deadline)
                throw new TimeoutException($"never held: {text}");
            await Pass(TimeSpan.FromMilliseconds(500));
            await Task.Delay(2);
        }
    }

    /// <summary>The client of a node's agent, with a token bound to that agent's pod and a copy of the ConfigMap, as a kubelet mounts it.</summary>
    public async Task<NodeClient> Node(string node, ClusterAuthority replica)
    {
        Server.Put($$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: ztunnel-{{node}}, namespace: istio-system, uid: uid-ztunnel-{{node}}}
            spec: {nodeName: {{node}}, serviceAccountName: ztunnel, containers: [{name: a, image: b}]}
            """);
        string uid = (string)Server.Objects.Get("v1", "Pod", "istio-system", $"ztunnel-{node}")!["metadata"]!["uid"]!;
        Observe(Pod("istio-system", $"ztunnel-{node}", node, "ztunnel", uid), replica);
        JsonNode answer = await _clients[0].Create(
            ApiResource.ServiceAccounts.Named("istio-system", "ztunnel").Sub("token"),
            JsonNode.Parse($$$"""
                {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                 "spec": {"audiences": ["istio-ca"], "expirationSeconds": 8640000,
                          "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "ztunnel-{{{node}}}", "uid": "{{{uid}}}" } } }
                """)!,
            TestContext.Current.CancellationToken);
        return new NodeClient(this, replica, Directory.CreateDirectory(Path.Combine(_folder.FullName, Guid.NewGuid().ToString())).FullName, (string)answer["status"]!["token"]!);
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_leading);
        foreach (ClusterAuthority replica in _replicas)
            await replica.DisposeAsync();
        foreach (EventRecorder events in _events)
            await events.DisposeAsync();
        foreach (ApiClient client in _clients)
            client.Dispose();
        await Server.DisposeAsync();
        _stop.Dispose();
        Calls.Dispose();
        _folder.Delete(recursive: true);
    }

    private static ResourceEvent.Put Pod(string ns, string name, string node, string account, string? uid = null) => new(
        new PodObject { Metadata = new ObjectMetadata { Name = name, Namespace = ns, Uid = uid }, NodeName = node, ServiceAccount = account }, new Origin("test", 1));

    private sealed class LogToOne(ILogger log) : ILoggerFactory
    {
        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public ILogger CreateLogger(string categoryName) => log;

        public void Dispose()
        {
        }
    }

    /// <summary>A node that gets certificates and verifies those of others.</summary>
    internal sealed class NodeClient : IDisposable
    {
        private static readonly SpiffeId Web = SpiffeId.Parse("spiffe://cluster.local/ns/demo/sa/web");

        private readonly AuthorityCluster _cluster;
        private readonly string _folder;

        public NodeClient(AuthorityCluster cluster, ClusterAuthority replica, string folder, string token)
        {
            (_cluster, _folder, Token) = (cluster, folder, token);
            File.WriteAllText(Path.Combine(folder, "token"), token);
            File.WriteAllText(Path.Combine(folder, "root.pem"), cluster.RootsIn("istio-system"));
            Authority = RemoteCertificateAuthority.Open(
                new RemoteAuthorityOptions
                {
                    Address = new Uri($"https://127.0.0.1:{replica.Address.Port}"),
                    ServerName = "ztunnel-controller.istio-system.svc",
                    RootFile = Path.Combine(folder, "root.pem"),
                    TokenFile = Path.Combine(folder, "token"),
                    WatchInterval = TimeSpan.FromMilliseconds(500),
                    // By the clock that leaps.
                    Timeout = TimeSpan.FromDays(40),
                },
                cluster.Time,
                cluster.Log);
        }

        public RemoteCertificateAuthority Authority { get; }

        public string Token { get; }

        public async Task<ParsedCertificate[]> Issue()
        {
            using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            IssuedCertificate issued = await Authority.Issue(Web, SigningRequest.Create(Web, key), TestContext.Current.CancellationToken);
            return [.. issued.Chain.Select(ParsedCertificate.Read)];
        }

        /// <summary>Whether this node would let in who presents a chain.</summary>
        public bool Trusts(ParsedCertificate[] chain)
        {
            using var leaf = System.Security.Cryptography.X509Certificates.X509CertificateLoader.LoadCertificate(chain[0].Der.Span);
            return !TrustPath.Find(leaf, chain[1..], Authority.Trust.Current, _cluster.Time.GetUtcNow(), out _).IsEmpty;
        }

        /// <summary>What a kubelet does some time after the ConfigMap changed.</summary>
        public async Task Mount()
        {
            string roots = _cluster.RootsIn("istio-system");
            File.WriteAllText(Path.Combine(_folder, "root.pem"), roots);
            await _cluster.Until(() => string.Concat(Authority.Trust.Current.Certificates.Select(root => root.Pem + "\n")) == roots);
        }

        public void Dispose() => Authority.Dispose();
    }
}
