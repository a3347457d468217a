using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Ztunnel.Identity;
using Ztunnel.Mesh;
using Ztunnel.Resources;
using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

/// <summary>The authority's service on a port of loopback, with pods and tokens that a test makes up.</summary>
internal sealed class AuthorityLab : IAsyncDisposable, ITokenReviewer
{
    public static readonly SpiffeId Web = SpiffeId.Parse("spiffe://cluster.local/ns/demo/sa/web");

    private readonly string _folder = Directory.CreateTempSubdirectory("ztunnel-authority-").FullName;
    private readonly ServerCertificate _certificate;
    private readonly CertificateServer _server;

    private AuthorityLab(Func<ClusterAuthorityOptions, ClusterAuthorityOptions>? with, TimeProvider? time)
    {
        ClusterAuthorityOptions options = new() { Listen = new IPEndPoint(IPAddress.Loopback, 0) };
        options = with?.Invoke(options) ?? options;
        Time = time ?? TimeProvider.System;
        Gate = new ClientGate(Pods, options.Clients, Time, Log);
        var service = new CertificateService(
            new TokenAuthenticator(this, options.Audience, Time, options.Reviews), Gate, new IdentityRules("cluster.local", options.NodeAccounts.ToHashSet(StringComparer.Ordinal), Pods), Signing, options, Time, Log);
        _certificate = new ServerCertificate(Signing, ["ztunnel-controller.istio-system.svc", "istiod.istio-system.svc"], Time);
        _server = new CertificateServer(
            options.Listen, new UnaryEndpoint(CertificateService.Path, service.Answer, Gate, Time, Log), Gate, _certificate, new OneLog(Log));
    }

    public TimeProvider Time { get; }

    public TextLog Log { get; } = new();

    public ClientGate Gate { get; }

    public NodePods Pods { get; } = new();

    public SigningState Signing { get; } = new();

    /// <summary>Whose each token is.</summary>
    public ConcurrentDictionary<string, Caller> Tokens { get; } = new(StringComparer.Ordinal);

    /// <summary>How often tokens were reviewed.</summary>
    public int Reviews;

    /// <summary>What happens before each review.</summary>
    public Func<CancellationToken, Task> BeforeReview { get; set; } = _ => Task.CompletedTask;

    public IPEndPoint Address => _server.Address;

    public string RootPem { get; private set; } = "";

    /// <summary>A lab with a root, node-a's agent with token <c>node-a</c>, and a pod of demo/web there with token <c>web</c>.</summary>
    public static async Task<AuthorityLab> Start(
        Func<ClusterAuthorityOptions, ClusterAuthorityOptions>? with = null, TimeProvider? time = null)
    {
        var lab = new AuthorityLab(with, time);
        lab.SignWithNewRoot();
        lab.Agent("node-a");
        lab.Run("web-1", "node-a");
        lab.Tokens["web"] = new Caller("demo", "web") { PodName = "web-1", PodUid = "uid-web-1" };
        lab.Pods.Apply(new ResourceEvent.Synced());
        await lab._server.Start(TestContext.Current.CancellationToken);
        return lab;
    }

    /// <summary>A new root signs; <paramref name="intermediate"/> puts one between.</summary>
    public void SignWithNewRoot(bool intermediate = false)
    {
        DateTimeOffset now = Time.GetUtcNow();
        (X509Certificate2 root, ECDsa key) = intermediate
            ? Make("CN=root", now, null, null)
            : SigningIdentity.MakeRoot("cluster.local", now, TimeSpan.FromDays(30));
        using X509Certificate2 owned = root;
        ParsedCertificate parsed = ParsedCertificate.Read(root.RawData);
        RootPem = root.ExportCertificatePem() + "\n";
        File.WriteAllText(Path.Combine(_folder, "root.pem"), RootPem);
        if (!intermediate)
        {
            Signing.Use(new SigningIdentity(root, key, [parsed]), [parsed]);
            return;
        }

        using (key)
        {
            (X509Certificate2 certificate, ECDsa below) = Make("CN=intermediate", now, root, key);
            using X509Certificate2 ownedToo = certificate;
            Signing.Use(new SigningIdentity(certificate, below, [ParsedCertificate.Read(certificate.RawData), parsed]), [parsed]);
        }
    }

    /// <summary>A pod of demo/<paramref name="account"/> runs on a node.</summary>
    public void Run(string name, string node, string account = "web", string ns = "demo") => Pods.Apply(new ResourceEvent.Put(
        new PodObject { Metadata = new ObjectMetadata { Name = name, Namespace = ns, Uid = $"uid-{name}" }, NodeName = node, ServiceAccount = account },
        new Origin("test", 1)));

    public void Remove(string name, string ns = "demo") => Pods.Apply(new ResourceEvent.Remove(new ObjectKey(ObjectKind.Pod, ns, name)));

    /// <summary>The agent of a node runs there and has a token called as the node.</summary>
    public void Agent(string node)
    {
        Run($"ztunnel-{node}", node, "ztunnel", "istio-system");
        Tokens[node] = new Caller("istio-system", "ztunnel") { PodName = $"ztunnel-{node}", PodUid = $"uid-ztunnel-{node}" };
    }

    /// <summary>A token of a name, as it looks at first sight.</summary>
    public string Jwt(string name, string? claims = null)
    {
        claims ??= $$"""{"aud": ["istio-ca"], "exp": {{Time.GetUtcNow().AddDays(1).ToUnixTimeSeconds()}}}""";
        return $"e30.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims))}.{name}";
    }

    public RemoteCertificateAuthority Client(string token, bool impersonate = true)
    {
        string file = Path.Combine(_folder, $"token-{token}");
        File.WriteAllText(file, Jwt(token));
        return RemoteCertificateAuthority.Open(new RemoteAuthorityOptions
        {
            Address = new Uri($"https://127.0.0.1:{Address.Port}"),
            ServerName = "ztunnel-controller.istio-system.svc",
            RootFile = Path.Combine(_folder, "root.pem"),
            TokenFile = file,
            Impersonate = impersonate,
            WatchInterval = TimeSpan.FromMilliseconds(20),
        });
    }

    /// <summary>Has requester.js ask; what it saw.</summary>
    public async Task<JsonNode> Ask(object ask)
    {
        JsonObject whole = JsonSerializer.SerializeToNode(ask)!.AsObject();
        if ((string?)whole["token"] is { } name && !name.Contains('.', StringComparison.Ordinal))
            whole["token"] = Jwt(name);
        whole["port"] = Address.Port;
        whole["root"] ??= RootPem;
        whole["identity"] ??= Web.ToString();
        using var process = Process.Start(new ProcessStartInfo(
            "node", [Path.Combine(AppContext.BaseDirectory, "Authority", "requester.js"), whole.ToJsonString()])
        {
            UseShellExecute = false,
            RedirectStandardOutput = true,
        })!;
        string output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return JsonNode.Parse(output)!;
    }

    public async Task<Caller?> Review(string token, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref Reviews);
        await BeforeReview(cancellationToken);
        return Tokens.GetValueOrDefault(token[(token.LastIndexOf('.') + 1)..]);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _certificate.Dispose();
        Signing.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static (X509Certificate2 Certificate, ECDsa Key) Make(string name, DateTimeOffset now, X509Certificate2? issuer, ECDsa? issuerKey)
    {
        var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, false));
        X509SignatureGenerator signer = X509SignatureGenerator.CreateForECDsa(issuerKey ?? key);
        return (request.Create(issuer?.SubjectName ?? request.SubjectName, signer, now.AddMinutes(-10), now.AddDays(20), RandomNumberGenerator.GetBytes(8)), key);
    }

    private sealed class OneLog(ILogger log) : ILoggerFactory
    {
        public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

        public ILogger CreateLogger(string categoryName) => log;

        public void Dispose()
        {
        }
    }
}
