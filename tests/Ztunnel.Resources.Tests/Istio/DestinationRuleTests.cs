using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Entries;

namespace Ztunnel.Resources.Tests;

/// <summary>DestinationRules as they are read, and whose requests they hold for.</summary>
public sealed class DestinationRuleTests
{
    private static readonly ServiceName Web = new("default", "web");

    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta1")]
    [InlineData("v1alpha3")]
    public void Every_version_has_the_same_fields(string version)
    {
        DestinationRuleObject rule = Manifests.Only<DestinationRuleObject>("""
            apiVersion: networking.istio.io/VERSION
            kind: DestinationRule
            metadata: {name: r, namespace: shop}
            spec:
              host: web
              exportTo: ["."]
              workloadSelector: {matchLabels: {app: gateway}}
              trafficPolicy:
                connectionPool:
                  tcp: {maxConnections: 7, connectTimeout: 1.5s, idleTimeout: 1h30m, maxConnectionDuration: 24h, tcpKeepalive: {probes: 3, time: 10s, interval: 500ms}}
                  http: {http1MaxPendingRequests: 1, http2MaxRequests: 2, maxRequestsPerConnection: 3, maxRetries: 4, idleTimeout: 5s, h2UpgradePolicy: UPGRADE}
                outlierDetection: {consecutive5xxErrors: 0, consecutiveGatewayErrors: 2, splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 3, interval: 1s, baseEjectionTime: 3m, maxEjectionPercent: 100, minHealthPercent: 20}
                loadBalancer: {consistentHash: {httpCookie: {name: c, path: /x, ttl: 0s}}}
                tls: {mode: MUTUAL, sni: s.com, subjectAltNames: [a.com], clientCertificate: /c, privateKey: /k, caCertificates: /r}
                portLevelSettings:
                - {port: {number: 8080}, loadBalancer: {simple: ROUND_ROBIN}, tls: {mode: SIMPLE, credentialName: out}}
              subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}]
            """.Replace("VERSION", version, StringComparison.Ordinal));

        Assert.Equal(("web", "app=gateway"), (rule.Host, rule.Selector!.ToString()));
        Assert.Equal(
            new TrafficPolicy
            {
                ConnectionPool = new ConnectionPool
                {
                    MaxConnections = 7,
                    ConnectTimeout = TimeSpan.FromSeconds(1.5),
                    TcpIdleTimeout = TimeSpan.FromMinutes(90),
                    MaxConnectionDuration = TimeSpan.FromDays(1),
                    KeepAlive = new TcpKeepAlive(3, TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(500)),
                    MaxPendingRequests = 1,
                    MaxRequests = 2,
                    MaxRequestsPerConnection = 3,
                    MaxRetries = 4,
                    HttpIdleTimeout = TimeSpan.FromSeconds(5),
                    UpgradeToHttp2 = true,
                },
                OutlierDetection = new OutlierDetection
                {
                    Consecutive5xxErrors = 0,
                    ConsecutiveGatewayErrors = 2,
                    SplitLocalErrors = true,
                    ConsecutiveLocalErrors = 3,
                    Interval = TimeSpan.FromSeconds(1),
                    BaseEjectionTime = TimeSpan.FromMinutes(3),
                    MaxEjectionPercent = 100,
                    MinHealthPercent = 20,
                },
                LoadBalancer = new LoadBalancer { Hash = new HashKey.Cookie("c", "/x", TimeSpan.Zero) },
                Tls = new TlsOrigination
                {
                    Mode = TlsOriginationMode.Mutual,
                    Sni = "s.com",
                    SubjectAltNames = ["a.com"],
                    ClientCertificate = "/c",
                    PrivateKey = "/k",
                    CaCertificates = "/r",
                },
            },
            rule.Policy);
        PortTrafficPolicy port = Assert.Single(rule.Ports);
        Assert.Equal((8080, LoadBalancing.RoundRobin, "out"), (port.Port, port.Policy.LoadBalancer!.Algorithm, port.Policy.Tls!.CredentialName));
        Assert.Equal(LoadBalancing.Random, Assert.Single(rule.Subsets).Policy!.LoadBalancer!.Algorithm);
        Assert.Equal(["spec.subsets (no route leads to one)"], rule.NotEnforced);
    }

    [Theory]
    [InlineData("consistentHash: {httpHeaderName: x-user}", "Header { Name = x-user }")]
    [InlineData("consistentHash: {useSourceIp: true}", "SourceIp { }")]
    [InlineData("consistentHash: {httpQueryParameterName: u}", "QueryParameter { Name = u }")]
    [InlineData("simple: LEAST_CONN", null)]
    public void Requests_are_told_apart_by_one_thing(string balancer, string? key) => Assert.Equal(
        key, Manifests.Only<DestinationRuleObject>(Rule("r", "web", $"trafficPolicy: {{loadBalancer: {{{balancer}}}}}")).Policy.LoadBalancer!.Hash?.ToString());

    [Fact]
    public void Zero_is_no_limit_and_what_is_not_said_has_its_default()
    {
        TrafficPolicy policy = Manifests.Only<DestinationRuleObject>(
            Rule("r", "web", "trafficPolicy: {connectionPool: {http: {maxRetries: 0}, tcp: {maxConnections: 0}}, outlierDetection: {maxEjectionPercent: 0}}")).Policy;
        Assert.Equal(new TrafficPolicy { ConnectionPool = new ConnectionPool(), OutlierDetection = new OutlierDetection() }, policy);
        Assert.Equal(5, policy.OutlierDetection!.Consecutive5xxErrors);
    }

    [Theory]
    [InlineData("", "trafficPolicy: {}", "spec.host: is required")]
    [InlineData("a..b", "trafficPolicy: {}", "spec.host: may hold only")]
    [InlineData("web", "trafficpolicy: {}", "trafficPolicy is meant")]
    [InlineData("web", "trafficPolicy: {connectionPool: {tcp: {maxConnections: -1}}}", "spec.trafficPolicy.connectionPool.tcp.maxConnections: expected a number from 0")]
    [InlineData("web", "trafficPolicy: {connectionPool: {tcp: {connectTimeout: soon}}}", "spec.trafficPolicy.connectionPool.tcp.connectTimeout: must be a time")]
    [InlineData("web", "trafficPolicy: {outlierDetection: {interval: 1}}", "spec.trafficPolicy.outlierDetection.interval: expected a string")]
    [InlineData("web", "trafficPolicy: {outlierDetection: {maxEjectionPercent: 101}}", "spec.trafficPolicy.outlierDetection.maxEjectionPercent: expected a number from 0 to 100")]
    [InlineData("web", "trafficPolicy: {outlierDetection: {consecutiveLocalOriginFailures: 1}}", "consecutiveLocalOriginFailures: needs splitExternalLocalOriginErrors")]
    [InlineData("web", "trafficPolicy: {loadBalancer: {simple: FASTEST}}", "spec.trafficPolicy.loadBalancer.simple: expected")]
    [InlineData("web", "trafficPolicy: {loadBalancer: {simple: RANDOM, consistentHash: {useSourceIp: true}}}", "may not stand beside simple")]
    [InlineData("web", "trafficPolicy: {loadBalancer: {consistentHash: {}}}", "must name one of httpHeaderName")]
    [InlineData("web", "trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x y}}}", "httpHeaderName: is not the name of a header")]
    [InlineData("web", "trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: a=b}}}}", "httpCookie.name: is not the name of a cookie")]
    [InlineData("web", "trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: a, path: /;x}}}}", "httpCookie.path: is not the path of a cookie")]
    [InlineData("web", "trafficPolicy: {tls: {mode: MUTUAL}}", "spec.trafficPolicy.tls.mode: MUTUAL needs")]
    [InlineData("web", "trafficPolicy: {tls: {mode: ISTIO_MUTUAL, credentialName: a}}", "spec.trafficPolicy.tls.mode: ISTIO_MUTUAL has")]
    [InlineData("web", "trafficPolicy: {tls: {mode: SIMPLE, credentialName: a, caCertificates: /x}}", "credentialName: may not stand beside files")]
    [InlineData("web", "trafficPolicy: {portLevelSettings: [{tls: {mode: SIMPLE}}]}", "spec.trafficPolicy.portLevelSettings[0].port.number: is required")]
    [InlineData("web", "trafficPolicy: {portLevelSettings: [{port: {number: 1}}, {port: {number: 1}}]}", "portLevelSettings: says two things of port 1")]
    [InlineData("web", "subsets: [{labels: {a: b}}]", "spec.subsets[0].name: is required")]
    [InlineData("web", "subsets: [{name: a}, {name: a}]", "spec.subsets: has two named a")]
    [InlineData("web", "workloadSelector: {matchLabels: {a: b}}, exportTo: [other]", "spec.exportTo: may not name other namespaces")]
    public void A_mistake_is_told_with_its_field(string host, string spec, string told) =>
        Assert.Contains(Manifests.Problems(Rule("r", host, spec)), problem => problem.Contains("DestinationRule default/r", StringComparison.Ordinal) && problem.Contains(told, StringComparison.Ordinal));

    [Fact]
    public void What_nothing_comes_of_is_named_in_its_status()
    {
        var world = new World(Rule(
            "r",
            "web",
            """
            trafficPolicy:
              {tunnel: {targetHost: a, targetPort: 1}, proxyProtocol: {version: V1}, retryBudget: {percent: 1},
               loadBalancer: {localityLbSetting: {enabled: true}, warmup: {duration: 1s}, consistentHash: {useSourceIp: true, maglev: {tableSize: 7}, minimumRingSize: 3}},
               connectionPool: {http: {useClientProtocol: true, maxConcurrentStreams: 3}}, tls: {mode: SIMPLE, caCrl: /x}}
            """));
        Assert.Equal("Accepted PartiallyEnforced", world.Standing(ObjectKind.DestinationRule, "r"));
        Assert.Equal(
            "not enforced: spec.trafficPolicy.tunnel, spec.trafficPolicy.proxyProtocol, spec.trafficPolicy.retryBudget, spec.trafficPolicy.connectionPool.http.useClientProtocol, "
            + "spec.trafficPolicy.connectionPool.http.maxConcurrentStreams, spec.trafficPolicy.loadBalancer.localityLbSetting, spec.trafficPolicy.loadBalancer.warmup, "
            + "spec.trafficPolicy.loadBalancer.consistentHash.maglev, spec.trafficPolicy.loadBalancer.consistentHash.minimumRingSize, spec.trafficPolicy.tls.caCrl",
            world.Translator.Inventory.StatusOf(new ObjectKey(ObjectKind.DestinationRule, "default", "r"))!.Conditions[1].Message);
    }

    [Theory]
    // Name, namespace, host, what else; the rule that holds for a client of namespace "client", and for one of "default".
    [InlineData("own default web 1", "own", "own")]
    [InlineData("own default web.default.svc.cluster.local 1", "own", "own")]
    [InlineData("own other web 1", null, null)]
    [InlineData("own default * 1", "own", "own")]
    [InlineData("own default *.default.svc.cluster.local 1", "own", "own")]
    [InlineData("wide default *.svc.cluster.local 1; narrow default web 1", "narrow", "narrow")]
    [InlineData("own default web 1; mine client web.default.svc.cluster.local 1", "mine", "own")]
    [InlineData("own default web 1; all istio-system web.default.svc.cluster.local 1", "own", "own")]
    [InlineData("all istio-system *.cluster.local 1", "all", "all")]
    [InlineData("own default web .", null, "own")]
    [InlineData("own default web other", null, "own")]
    [InlineData("own default web client", "own", "own")]
    [InlineData("z-old default web 1; a-young default web 2", "z-old", "z-old")]
    public void The_closest_rule_holds(string rules, string? forClient, string? forOwn)
    {
        var world = new World(Manifests.Service("web", "10.96.0.1"));
        foreach (string[] rule in rules.Split("; ").Select(rule => rule.Split(' ')))
        {
            bool isYear = int.TryParse(rule[3], System.Globalization.CultureInfo.InvariantCulture, out int year);
            world.Put(Rule(
                rule[0],
                $"\"{rule[2]}\"",
                $"exportTo: [{(isYear ? "\"*\"" : rule[3])}], trafficPolicy: {{tls: {{mode: SIMPLE, sni: {rule[0]}}}}}",
                rule[1],
                isYear ? $"creationTimestamp: \"202{year}-01-01T00:00:00Z\"" : ""));
        }

        Assert.Equal(forClient, For("client"));
        Assert.Equal(forOwn, For("default"));

        string? For(string @namespace) => world.Mesh.TrafficPolicyFor(Web, 80, Client(@namespace))?.Tls?.Sni;
    }

    [Fact]
    public void A_port_has_its_own_and_nothing_of_the_rules()
    {
        var world = new World(
            Manifests.Service("web", "10.96.0.1"),
            Rule("r", "web", "trafficPolicy: {tls: {mode: SIMPLE}, portLevelSettings: [{port: {number: 81}, loadBalancer: {simple: RANDOM}}]}"));
        Assert.NotNull(world.Mesh.TrafficPolicyFor(Web, 80, Client("default"))!.Tls);
        Assert.Null(world.Mesh.TrafficPolicyFor(Web, 81, Client("default"))!.Tls);
        Assert.Same(world.Mesh.TrafficPolicyFor(Web, 80, Client("default")), world.Mesh.TrafficPolicyFor(Web, 80, Client("default")));

        world.Remove(Rule("r", "web"));
        Assert.Null(world.Mesh.TrafficPolicyFor(Web, 80, Client("default")));
    }

    [Fact]
    public void A_rule_with_a_selector_is_about_those_pods_of_its_namespace_and_goes_before_others()
    {
        const string Selected = "workloadSelector: {matchLabels: {app: edge}}, trafficPolicy: {tls: {mode: SIMPLE, sni: some}}";
        var world = new World(Manifests.Service("web", "10.96.0.1"), Rule("a", "web", "trafficPolicy: {tls: {mode: SIMPLE, sni: all}}"), Rule("b", "web", Selected));
        Assert.Equal("some", world.Mesh.TrafficPolicyFor(Web, 80, Client("default", "edge"))!.Tls!.Sni);
        Assert.Equal("all", world.Mesh.TrafficPolicyFor(Web, 80, Client("default"))!.Tls!.Sni);
        Assert.Equal("all", world.Mesh.TrafficPolicyFor(Web, 80, Client("client", "edge"))!.Tls!.Sni);
        Assert.Equal("Accepted", world.Standing(ObjectKind.DestinationRule, "b"));
    }

    [Fact]
    public void Of_two_for_a_host_the_younger_is_told_that_it_does_not_count()
    {
        string young = Rule("a", "web", metadata: "creationTimestamp: \"2026-01-01T00:00:00Z\""), old = Rule("b", "web.default.svc.cluster.local", metadata: "creationTimestamp: \"2025-01-01T00:00:00Z\"");
        var world = new World(young, old);
        Assert.Equal("Accepted=False/Conflicted", world.Standing(ObjectKind.DestinationRule, "a"));
        world.Remove(old);
        Assert.Equal("Accepted", world.Standing(ObjectKind.DestinationRule, "a"));
    }

    [Fact]
    public void It_is_about_the_hosts_of_ServiceEntries_too()
    {
        var world = new World(Entry("out", "api.example.com", "resolution: DNS", "shop"), Rule("r", "api.example.com", "trafficPolicy: {tls: {mode: SIMPLE}}"));
        Assert.NotNull(world.Mesh.TrafficPolicyFor(new ServiceName("shop", "api.example.com", IsHost: true), 80, Client("default")));
    }

    [Fact]
    public void A_subset_has_the_rules_policy_but_for_what_it_says_itself()
    {
        var world = new World(Rule("r", "web", "trafficPolicy: {tls: {mode: SIMPLE}, loadBalancer: {simple: RANDOM}}, subsets: [{name: v1, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}]"));
        TrafficPolicy policy = Assert.Single(Assert.Single(world.Mesh.DestinationRules).Subsets).Policy!;
        Assert.Equal((TlsOriginationMode.Simple, LoadBalancing.RoundRobin), (policy.Tls!.Mode, policy.LoadBalancer!.Algorithm));
    }

    [Fact]
    public void The_secrets_that_it_names_are_at_hand_while_it_names_them()
    {
        TestCertificate certificate = TestCertificate.For("client");
        string secret = GatewayManifests.Secret("out", certificate.Chain, certificate.Key);
        string rule = Rule("r", "web", "trafficPolicy: {portLevelSettings: [{port: {number: 1}, tls: {mode: SIMPLE, credentialName: out}}]}");
        var world = new World(secret);
        Assert.Null(world.Mesh.TlsCredentialOf("infra", "out"));

        world.Put(rule);
        Assert.NotNull(world.Mesh.TlsCredentialOf("infra", "out")!.Certificate);
        world.Put("apiVersion: v1\nkind: Secret\nmetadata: {name: out, namespace: infra}\nstringData: {ca.crt: roots}\n");
        Assert.Equal(("roots", null, null), (world.Mesh.TlsCredentialOf("infra", "out")!.Roots, world.Mesh.TlsCredentialOf("infra", "out")!.Certificate, world.Mesh.TlsCredentialOf("infra", "out")!.Fault));
        world.Put("apiVersion: v1\nkind: Secret\nmetadata: {name: out, namespace: infra}\nstringData: {tls.crt: x, tls.key: y}\n");
        Assert.StartsWith("Secret infra/out ", world.Mesh.TlsCredentialOf("infra", "out")!.Fault, StringComparison.Ordinal);

        world.Remove(rule);
        Assert.Null(world.Mesh.TlsCredentialOf("infra", "out"));
    }

    private static Workload Client(string @namespace, string app = "client") => new()
    {
        Uid = "uid",
        Name = "c",
        Namespace = @namespace,
        ServiceAccount = "c",
        Identity = SpiffeId.Create("cluster.local", @namespace, "c"),
        Labels = new StringMap([KeyValuePair.Create("app", app)]),
    };

    private static string Rule(string name, string host, string spec = "", string @namespace = "default", string metadata = "") => $$"""
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: {{name}}, namespace: {{@namespace}}{{(metadata.Length == 0 ? "" : ", " + metadata)}} }
        spec: {host: {{host}}{{(spec.Length == 0 ? "" : ", " + spec)}} }

        """;
}
