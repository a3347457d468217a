using System.Globalization;
using System.Net;
using BenchmarkDotNet.Attributes;
using Ztunnel.Mesh;

namespace Ztunnel.Benchmarks;

/// <summary>
/// One connection judged in a mesh with so many policies, spread over namespaces of ten: a few about everybody in the
/// namespace, the others by labels. A judgement must stay under a microsecond and allocate nothing, whatever their number. A
/// policy's change is measured with the judgement after it, which is what it costs one pod of its namespace.
/// </summary>
[MemoryDiagnoser]
public class AuthorizeBenchmarks
{
    private const int PerNamespace = 10;

    private MeshState _mesh = new();
    private ConnectionFacts _allowed;
    private ConnectionFacts _denied;
    private ConnectionFacts _plaintext;
    private AuthorizationPolicy _edited = Deny("ns-0", 0, selector: "");

    [Params(10, 5_000)]
    public int Policies { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _mesh = new MeshState();
        for (int i = 0; i < Policies; i++)
        {
            string @namespace = string.Create(CultureInfo.InvariantCulture, $"ns-{i / PerNamespace}");
            string selector = i % PerNamespace < 3 ? "" : string.Create(CultureInfo.InvariantCulture, $"app-{i % PerNamespace % 4}");
            _mesh.Policies.Put(i % 2 == 0 ? Allow(@namespace, i, selector) : Deny(@namespace, i, selector));
        }

        _mesh.Policies.Put(new PeerAuthentication
        {
            Name = new PolicyName("istio-system", "default"),
            Scope = new PolicyScope(null, StringMap.Empty),
            Mode = MutualTlsMode.Strict,
        });
        Workload pod = Pod();
        _mesh.Put(pod);
        var at = new IPEndPoint(pod.Addresses[0], 8080);
        var client = IPAddress.Parse("10.244.1.5");
        _allowed = ConnectionFacts.Of(pod, at, client, SpiffeId.Create("cluster.local", "shop", "cart"));
        _denied = ConnectionFacts.Of(pod, at, client, SpiffeId.Create("cluster.local", "bank", "till"));
        _plaintext = ConnectionFacts.Of(pod, at, client, null);
        _edited = Deny("ns-0", 1, selector: "");
        if (!_mesh.Authorize(_allowed).Allowed || _mesh.Authorize(_denied).Allowed || _mesh.Authorize(_plaintext).Allowed)
            throw new InvalidOperationException("The policies do not say what is measured.");
    }

    [Benchmark]
    public bool Allowed() => _mesh.Authorize(_allowed).Allowed;

    [Benchmark]
    public bool NoneAllows() => _mesh.Authorize(_denied).Allowed;

    [Benchmark]
    public bool Plaintext() => _mesh.Authorize(_plaintext).Allowed;

    [Benchmark]
    public bool AfterAPolicysChange()
    {
        _mesh.Policies.Put(_edited);
        return _mesh.Authorize(_allowed).Allowed;
    }

    private static Workload Pod() => new()
    {
        Uid = "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d",
        Name = "web",
        Namespace = "ns-0",
        ServiceAccount = "web",
        Identity = SpiffeId.Create("cluster.local", "ns-0", "web"),
        Addresses = [IPAddress.Parse("10.244.2.7")],
        Labels = new StringMap([new("app", "app-3"), new("pod-template-hash", "7d4b9"), new("version", "v1")]),
        Enrolment = Enrolment.Ambient,
    };

    private static AuthorizationPolicy Allow(string @namespace, int number, string selector) => Policy(
        @namespace,
        number,
        selector,
        PolicyAction.Allow,
        [new AttributeMatcher.Principal([new TextPattern("cluster.local/ns/shop/sa/till"), new TextPattern("cluster.local/ns/shop/*")])],
        [new AttributeMatcher.DestinationPort([80, 8080])]);

    private static AuthorizationPolicy Deny(string @namespace, int number, string selector) => Policy(
        @namespace,
        number,
        selector,
        PolicyAction.Deny,
        [new AttributeMatcher.SourceAddress([new AddressRange(IPAddress.Parse("192.0.2.0"), 24)]), new AttributeMatcher.Namespace([new TextPattern("evil")])]);

    private static AuthorizationPolicy Policy(
        string @namespace, int number, string selector, PolicyAction action, params AttributeMatcher[][] clauses) => new()
        {
            Name = new PolicyName(@namespace, string.Create(CultureInfo.InvariantCulture, $"policy-{number}")),
            Scope = new PolicyScope(@namespace, selector.Length == 0 ? StringMap.Empty : new StringMap([new("app", selector)])),
            Action = action,
            Rules = [new AuthorizationRule<ConnectionFacts>([.. clauses.Select(demands => new AuthorizationClause<ConnectionFacts>([[.. demands]]))])],
        };
}
