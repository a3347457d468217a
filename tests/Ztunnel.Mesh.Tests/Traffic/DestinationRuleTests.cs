namespace Ztunnel.Mesh.Tests;

public sealed class DestinationRuleTests
{
    private const string Host = "web.shop.svc.cluster.local";

    private readonly MeshState _mesh = new();

    public DestinationRuleTests() => _mesh.Put(new Service { Name = new ServiceName("shop", "web"), Hostname = Host, Ports = [new ServicePort("http", 80, 8080)] });

    [Fact]
    public void Without_a_rule_nothing_holds() => Assert.Null(PolicyFor("shop"));

    [Theory]
    [InlineData("clients", "client")]
    [InlineData("shop", "service")]
    [InlineData("elsewhere", "service")]
    public void The_clients_namespace_goes_before_the_services_and_the_root_comes_last(string client, string expected)
    {
        Put("root", "istio-system", 3, inRoot: true);
        Assert.Equal(3, Limit(client));
        Put("service", "shop", 2);
        Put("client", "clients", 1);
        Assert.Equal(expected == "client" ? 1 : 2, Limit(client));
    }

    [Fact]
    public void A_rule_of_any_other_namespace_says_nothing()
    {
        Put("stranger", "stranger", 1);
        Assert.Null(PolicyFor("clients"));
    }

    [Fact]
    public void A_rule_holds_for_those_it_is_exported_to_and_for_its_own()
    {
        Put("service", "shop", 2, exportTo: ["friends"]);
        Assert.Null(PolicyFor("clients"));
        Assert.Equal(2, Limit("friends"));
        Assert.Equal(2, Limit("shop"));
    }

    [Fact]
    public void The_closest_host_counts_and_of_equals_the_oldest()
    {
        Put("wide", "shop", 1, host: "*.cluster.local");
        Assert.Equal(1, Limit("clients"));
        Put("wild", "shop", 2, host: "*.shop.svc.cluster.local");
        Assert.Equal(2, Limit("clients"));
        Put("younger", "shop", 3, created: 2);
        Assert.Equal(3, Limit("clients"));
        Put("older", "shop", 4, created: 1);
        Assert.Equal(4, Limit("clients"));
    }

    [Fact]
    public void A_rule_may_be_for_some_pods_of_its_namespace_only()
    {
        Put("all", "clients", 1);
        Put("some", "clients", 2, selector: new LabelSelector { Labels = Make.Labels("app=gateway") });
        Assert.Equal(1, Limit("clients"));
        Assert.Equal(2, Limit("clients", "gateway"));
    }

    [Fact]
    public void What_is_said_for_a_port_stands_alone()
    {
        _mesh.Put(new DestinationRule
        {
            Name = new PolicyName("shop", "ports"),
            Host = Host,
            Policy = new TrafficPolicy { ConnectionPool = new ConnectionPool { MaxRequests = 1 }, LoadBalancer = new LoadBalancer() },
            Ports = [new PortTrafficPolicy(81, new TrafficPolicy { ConnectionPool = new ConnectionPool { MaxRequests = 2 } })],
        });
        Assert.Equal(1, Limit("clients"));
        TrafficPolicy port = _mesh.TrafficPolicyFor(new ServiceName("shop", "web"), 81, Client("clients"))!;
        Assert.Equal(2, port.ConnectionPool!.MaxRequests);
        Assert.Null(port.LoadBalancer);
    }

    [Fact]
    public void A_rule_follows_its_changes_and_is_the_same_object_meanwhile()
    {
        Put("rule", "shop", 1);
        TrafficPolicy before = PolicyFor("clients")!;
        Put("rule", "shop", 1);
        Assert.Same(before, PolicyFor("clients"));
        Put("rule", "shop", 2);
        Assert.Equal(2, Limit("clients"));
        Put("rule", "shop", 2, host: "other.shop.svc.cluster.local");
        Assert.Null(PolicyFor("clients"));
        Put("rule", "shop", 2, host: "*.svc.cluster.local");
        Assert.Equal(2, Limit("clients"));
        _mesh.RemoveDestinationRule(new PolicyName("shop", "rule"));
        Assert.Null(PolicyFor("clients"));
    }

    [Fact]
    public void What_a_secret_holds_is_found_by_its_name()
    {
        var credential = new TlsCredential { Namespace = "infra", Name = "cert", Roots = "pem" };
        _mesh.Put(credential);
        Assert.Same(credential, _mesh.TlsCredentialOf("infra", "cert"));
        Assert.Null(_mesh.TlsCredentialOf("other", "cert"));
        _mesh.RemoveTlsCredential("infra", "cert");
        Assert.Null(_mesh.TlsCredentialOf("infra", "cert"));
    }

    private TrafficPolicy? PolicyFor(string client, string app = "other") =>
        _mesh.TrafficPolicyFor(new ServiceName("shop", "web"), 80, Client(client, app));

    private int? Limit(string client, string app = "other") => PolicyFor(client, app)?.ConnectionPool?.MaxRequests;

    private static Workload Client(string @namespace, string app = "other") => Make.Pod(app) with
    {
        Namespace = @namespace,
        Labels = Make.Labels($"app={app}"),
    };

    private void Put(
        string name,
        string @namespace,
        int limit,
        string host = Host,
        bool inRoot = false,
        int? created = null,
        LabelSelector? selector = null,
        params string[] exportTo) => _mesh.Put(new DestinationRule
        {
            Name = new PolicyName(@namespace, name),
            Host = host,
            InRoot = inRoot,
            Created = created is { } year ? new DateTimeOffset(2000 + year, 1, 1, 0, 0, 0, TimeSpan.Zero) : null,
            Selector = selector,
            ExportTo = [.. exportTo],
            Policy = new TrafficPolicy { ConnectionPool = new ConnectionPool { MaxRequests = limit } },
        });
}
