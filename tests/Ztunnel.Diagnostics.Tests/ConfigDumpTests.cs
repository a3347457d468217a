using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Ztunnel.Capture;
using Ztunnel.Mesh;
using Ztunnel.Proxy;
using Ztunnel.Resources;
using Ztunnel.Telemetry;
using Ztunnel.Testing;

namespace Ztunnel.Diagnostics.Tests;

public sealed class ConfigDumpTests
{
    private static readonly JsonSerializerOptions Readable = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public async Task Workloads_have_the_names_and_values_istioctl_reads()
    {
        JsonElement workload = (await Dump(new NodeSnapshots { Node = "node-a", Mesh = Model.Mesh() })).GetProperty("workloads")[1];

        Assert.Equal(
            """
            {"uid":"uid-httpbin-7","workloadIps":["10.2.0.2"],"protocol":"HBONE","name":"httpbin-7","namespace":"web",
            "serviceAccount":"default","trustDomain":"cluster.local","workloadName":"httpbin-7","workloadType":"pod",
            "canonicalName":"httpbin","canonicalRevision":"latest","clusterId":"Kubernetes","node":"node-b","status":"Healthy",
            "hostname":"","enrolment":"Ambient"}
            """.ReplaceLineEndings(""),
            Compact(workload));
    }

    [Fact]
    public async Task The_authority_shows_its_end_and_what_is_wrong_with_its_files()
    {
        var authority = new AuthorityDump
        {
            Roots = [],
            SignsUntil = new DateTimeOffset(2027, 1, 31, 12, 0, 0, TimeSpan.Zero),
            Fault = "ca-key.pem: the key is not the one ca-cert.pem was made for",
            TrustFault = "root-cert.pem: the file is missing",
        };

        JsonElement dump = await Dump(new NodeSnapshots { Node = "node-a", Mesh = Model.Mesh(), Authority = () => authority });

        Assert.Equal(
            """
            {"roots":[],"signsUntil":"2027-01-31T12:00:00+00:00","fault":"ca-key.pem: the key is not the one ca-cert.pem was made for",
            "trustFault":"root-cert.pem: the file is missing"}
            """.ReplaceLineEndings(""),
            Compact(dump.GetProperty("authority")));
    }

    [Fact]
    public async Task An_authority_that_cannot_be_asked_costs_its_own_section()
    {
        JsonElement dump = await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = Model.Mesh(),
            Authority = () => throw new InvalidOperationException("disposed"),
        });

        Assert.Equal("InvalidOperationException: disposed", dump.GetProperty("errors").GetProperty("authority").GetString());
        Assert.False(dump.TryGetProperty("authority", out _));
    }

    [Fact]
    public async Task A_pod_outside_the_mesh_is_TCP_and_says_why()
    {
        JsonElement workload = (await Dump(new NodeSnapshots { Node = "node-a", Mesh = Model.Mesh() })).GetProperty("workloads")[0];

        Assert.Equal("TCP", workload.GetProperty("protocol").GetString());
        Assert.Equal("NotLabelled", workload.GetProperty("enrolment").GetString());
    }

    [Fact]
    public async Task Services_have_the_names_and_values_istioctl_reads()
    {
        JsonElement service = (await Dump(new NodeSnapshots { Node = "node-a", Mesh = Model.Mesh() })).GetProperty("services")[0];

        Assert.Equal(
            """
            {"name":"httpbin","namespace":"web","hostname":"httpbin.web.svc.cluster.local",
            "vips":["/10.96.0.10","/fd00:96::10"],"ports":{"80":8080,"81":0},"endpoints":{
            "uid-httpbin-7":{"workloadUid":"uid-httpbin-7","service":"web/httpbin.web.svc.cluster.local","address":"/10.2.0.2",
            "port":{"80":8080,"81":9999},"ready":true},
            "/192.0.2.1":{"workloadUid":"","service":"web/httpbin.web.svc.cluster.local","address":"/192.0.2.1",
            "port":{"80":8080,"81":9999},"ready":false}},"ipFamilies":"Dual"}
            """.ReplaceLineEndings(""),
            Compact(service));
    }

    [Theory]
    [InlineData(false, TrafficDistribution.PreferSameZone, false, "Failover Region,Zone OnlyHealthy")]
    [InlineData(false, TrafficDistribution.PreferSameNode, false, "Failover Region,Zone,Node OnlyHealthy")]
    [InlineData(true, TrafficDistribution.PreferSameNode, false, "Strict Node OnlyHealthy")]
    [InlineData(false, TrafficDistribution.Any, true, "Standard  AllowAll")]
    public async Task A_service_tells_which_endpoints_its_clients_get(bool local, TrafficDistribution distribution, bool publish, string expected)
    {
        MeshState mesh = Model.Mesh();
        mesh.Put(mesh.Services.Single() with { LocalOnly = local, Distribution = distribution, PublishNotReadyAddresses = publish });

        JsonElement balancing = (await Dump(new NodeSnapshots { Node = "node-a", Mesh = mesh })).GetProperty("services")[0].GetProperty("loadBalancer");

        string preferences = string.Join(',', balancing.GetProperty("routingPreferences").EnumerateArray().Select(scope => scope.GetString()));
        Assert.Equal(expected, $"{balancing.GetProperty("mode").GetString()} {preferences} {balancing.GetProperty("healthPolicy").GetString()}");
    }

    [Fact]
    public async Task An_endpoint_that_is_passed_over_says_until_when()
    {
        MeshState mesh = Model.Mesh();
        Endpoint refusing = mesh.EndpointsOf(new ServiceName("web", "httpbin"))[0];
        var until = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        JsonElement dump = await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = mesh,
            Ejections = _ => ValueTask.FromResult<IReadOnlyList<EjectionSnapshot>>([new EjectionSnapshot(refusing, 3, until, 0)]),
        });

        JsonElement endpoints = dump.GetProperty("services")[0].GetProperty("endpoints");
        Assert.Equal(until, endpoints.GetProperty("uid-httpbin-7").GetProperty("ejectedUntil").GetDateTimeOffset());
        Assert.Equal(0, endpoints.GetProperty("uid-httpbin-7").GetProperty("share").GetDouble());
        Assert.False(endpoints.GetProperty("/192.0.2.1").TryGetProperty("ejectedUntil", out _));
    }

    [Fact]
    public async Task Policies_have_the_names_and_values_istioctl_reads_and_say_how_they_are_enforced()
    {
        MeshState mesh = Model.Mesh();
        var translator = new Translator(mesh);
        foreach (KubernetesObject policy in Model.Policies)
            translator.Apply(new ResourceEvent.Put(policy, new Origin("policies.yaml", 1)));
        translator.Apply(new ResourceEvent.Report(new SourceReport
        {
            Name = "policies.yaml",
            Kept = [Model.Policies[1].Key],
            Problems = [new ResourceProblem { Source = "policies.yaml", Object = Model.Policies[1].Key.ToString(), Message = "is wrong" }],
        }));

        JsonElement policies = (await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = mesh,
            Resources = translator.Inventory,
            PolicyObservations = policy => policy.DryRun ? new PolicyObservationCounts(7, 3, 0) : null,
        })).GetProperty("policies");

        Assert.Equal(
            """
            [{"name":"everywhere","namespace":"istio-system","scope":"Global","action":"Permissive","kind":"PeerAuthentication",
            "dryRun":false,"accepted":true,"onConnections":"Full","enforcedAt":["nodes"],"workloads":1},
            {"name":"ports","namespace":"web","scope":"WorkloadSelector","action":"Strict","kind":"PeerAuthentication",
            "selector":{"app":"httpbin"},"ports":{"9090":"Permissive"},"dryRun":false,"accepted":false,"onConnections":"Full",
            "enforcedAt":["nodes"],"notes":["has mistakes: what is enforced is its last version without"],"workloads":1},
            {"name":"tokens","namespace":"web","scope":"Namespace","action":"Authenticate","kind":"RequestAuthentication",
            "dryRun":false,"accepted":true,"onConnections":"None",
            "enforcedAt":["Service web/httpbin: AncestorNotBound, Service web/httpbin is not bound to a waypoint","Gateway web/none: TargetNotFound"],
            "notes":["names Service httpbin, Gateway none as its target: about requests there, not about connections","names Gateway web/none, which does not exist: enforced nowhere"]},
            {"name":"try","namespace":"web","scope":"Namespace","action":"Deny","kind":"AuthorizationPolicy","dryRun":true,
            "accepted":true,"onConnections":"Partial","enforcedAt":["nodes"],"droppedAttributes":["methods"],
            "notes":["only requests have these attributes, and a waypoint can look at them: methods. The DENY rules with them are enforced without them and so refuse more than they ask"],
            "workloads":1,"observed":{"wouldAllow":7,"wouldDeny":3,"audited":0}}]
            """.ReplaceLineEndings(""),
            Compact(policies));
    }

    [Fact]
    public async Task An_empty_node_has_every_section_and_no_errors()
    {
        JsonElement dump = await Dump(new NodeSnapshots { Node = "node-a", Mesh = new MeshState() });

        Assert.Equal("node-a", dump.GetProperty("node").GetString());
        foreach (string section in new[] { "workloads", "services", "policies", "certificates", "pools" })
            Assert.Equal(0, dump.GetProperty(section).GetArrayLength());
        Assert.Equal(JsonValueKind.Object, dump.GetProperty("workloadState").ValueKind);
        Assert.False(dump.TryGetProperty("errors", out _));
    }

    [Fact]
    public async Task Capture_and_connections_meet_in_the_workload_state()
    {
        JsonElement state = (await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = new MeshState(),
            Pods = Give(
                new PodStatus(Model.Httpbin, new EnrolmentState.Enrolled(), DateTimeOffset.UnixEpoch, 0, "/run/netns/httpbin", 1, "table flushed"),
                new PodStatus(
                    Model.Legacy,
                    new EnrolmentState.Failed(EnrolmentFailure.AddressMismatch, "it does not hold 10.2.0.9"),
                    DateTimeOffset.UnixEpoch,
                    3,
                    null,
                    0,
                    null)),
            Connections = Give(Inbound(), Outbound()),
        })).GetProperty("workloadState");

        Assert.Equal(
            """
            {"uid-httpbin-7":{"state":"Up","connections":{
            "inbound":[{"src":"10.1.0.2:40000","originalDst":"10.2.0.2:8080","actualDst":"10.2.0.2:8080","protocol":"HBONE",
            "authority":"10.2.0.2:8080","bytesSent":1,"bytesReceived":2,"ageMilliseconds":3000}],
            "outbound":[{"src":"10.2.0.2:5","originalDst":"10.96.0.9:80","actualDst":"10.2.0.9:80","protocol":"TCP",
            "bytesSent":0,"bytesReceived":0,"ageMilliseconds":0}]},
            "info":{"name":"httpbin-7","namespace":"web","trustDomain":"cluster.local","serviceAccount":"default"},
            "capture":{"since":"1970-01-01T00:00:00+00:00","networkNamespace":"/run/netns/httpbin","failedAttempts":0,
            "repairs":1,"lastRepair":"table flushed"}},
            "uid-legacy":{"state":"Failed","connections":{"inbound":[],"outbound":[]},
            "info":{"name":"legacy","namespace":"old","trustDomain":"cluster.local","serviceAccount":"default"},
            "capture":{"since":"1970-01-01T00:00:00+00:00","reason":"AddressMismatch: it does not hold 10.2.0.9",
            "failedAttempts":3,"repairs":0}}}
            """.ReplaceLineEndings(""),
            Compact(state));
    }

    [Theory]
    [MemberData(nameof(States))]
    public async Task Each_state_of_capture_has_a_word_and_its_reason(EnrolmentState enrolment, string word, string? reason)
    {
        JsonElement state = (await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = new MeshState(),
            Pods = Give(new PodStatus(Model.Httpbin, enrolment, DateTimeOffset.UnixEpoch, 0, null, 0, null)),
        })).GetProperty("workloadState").GetProperty("uid-httpbin-7");

        Assert.Equal(word, state.GetProperty("state").GetString());
        Assert.Equal(reason, state.GetProperty("capture").TryGetProperty("reason", out JsonElement text) ? text.GetString() : null);
    }

    public static TheoryData<EnrolmentState, string, string?> States => new()
    {
        { new EnrolmentState.Pending("no address yet"), "Pending", "no address yet" },
        { new EnrolmentState.Enrolled(), "Up", null },
        { new EnrolmentState.Failed(EnrolmentFailure.RulesRefused, "nft is missing"), "Failed", "RulesRefused: nft is missing" },
        { new EnrolmentState.Removing(), "Draining", null },
    };

    [Fact]
    public async Task Connections_of_a_pod_that_is_forgotten_are_shown_as_draining()
    {
        JsonElement state = (await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = new MeshState(),
            Connections = Give(Inbound()),
        })).GetProperty("workloadState").GetProperty("uid-httpbin-7");

        Assert.Equal("Draining", state.GetProperty("state").GetString());
        Assert.Equal(1, state.GetProperty("connections").GetProperty("inbound").GetArrayLength());
    }

    [Fact]
    public async Task A_mistake_in_a_manifest_is_shown_with_its_place()
    {
        var translator = new Translator(new MeshState());
        translator.Apply(new ResourceEvent.Report(new SourceReport
        {
            Name = "pods.yaml",
            ObjectCount = 2,
            UnknownKinds = ImmutableSortedDictionary<string, int>.Empty.Add("apps/v1 Deployment", 1),
            Problems =
            [
                new ResourceProblem { Source = "pods.yaml", Line = 12, Object = "Pod web/httpbin", Field = "spec.nodeName", Message = "not a string" },
            ],
        }));
        translator.Apply(new ResourceEvent.Synced());

        JsonElement resources = (await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = new MeshState(),
            Resources = translator.Inventory,
        })).GetProperty("resources");

        Assert.Equal(
            """
            {"synced":true,"sources":{"pods.yaml":2},"keptLastGood":[],"unknownKinds":{"apps/v1 Deployment":1},
            "problems":[{"source":"pods.yaml:12","object":"Pod web/httpbin","field":"spec.nodeName","message":"not a string"}]}
            """.ReplaceLineEndings(""),
            Compact(resources));
    }

    [Fact]
    public async Task Gateways_are_shown_with_what_they_serve_and_how_their_objects_stand()
    {
        var mesh = new MeshState();
        var translator = new Translator(mesh);
        var gateway = new GatewayObject
        {
            Metadata = new ObjectMetadata { Namespace = "web", Name = "g", Generation = 3 },
            ClassName = "istio",
            Listeners = [new GatewayListener { Name = "http", Port = 80, Protocol = "HTTP", Hostname = "*.a.com" }],
        };
        var route = new HttpRouteObject
        {
            Metadata = new ObjectMetadata { Namespace = "web", Name = "r" },
            Parents = [new ParentReference { Name = "g", Port = 80 }, new ParentReference { Group = "", Kind = "Service", Name = "missing" }],
            Rules = [new RouteRule { Matches = [new HttpMatch { Method = "GET", Path = new PathMatch.Prefix("/x") }], Backends = [new BackendReference { Name = "missing", Port = 80 }] }],
        };
        foreach (KubernetesObject @object in new KubernetesObject[] { gateway, route })
            translator.Apply(new ResourceEvent.Put(@object, new Origin("x.yaml", 1)));

        JsonElement dump = await Dump(new NodeSnapshots { Node = "node-a", Mesh = mesh, Resources = translator.Inventory });

        Assert.Equal(
            """
            [{"name":"web/g","waypoint":false,"listeners":[{"name":"http","port":80,"tls":false,"hostname":"*.a.com",
            "routes":[{"hostname":"*.a.com","match":"GET prefix /x","route":"HTTPRoute web/r","rule":"0",
            "backends":[{"weight":1,"fault":"Service web/missing does not exist"}]}]}]}]
            """.ReplaceLineEndings(""),
            Compact(dump.GetProperty("gateways")));
        JsonElement[] status = [.. dump.GetProperty("status").EnumerateArray()];
        Assert.Equal(("Gateway", "web/g", 3), (status[0].GetProperty("kind").GetString(), status[0].GetProperty("object").GetString(), status[0].GetProperty("observedGeneration").GetInt32()));
        Assert.Equal("""{"type":"Accepted","status":"True","reason":"Accepted","message":"Resource accepted"}""", Compact(status[0].GetProperty("conditions")[0]));
        Assert.Equal((1, "HTTPRoute"), (status[0].GetProperty("listeners")[0].GetProperty("attachedRoutes").GetInt32(), status[0].GetProperty("listeners")[0].GetProperty("supportedKinds")[0].GetString()));
        Assert.Equal(
            """
            {"kind":"HTTPRoute","object":"web/r","parents":[
            {"parent":"Gateway web/g port 80","controllerName":"istio.io/gateway-controller","conditions":[
            {"type":"Accepted","status":"True","reason":"Accepted","message":"Route was valid"},
            {"type":"ResolvedRefs","status":"False","reason":"BackendNotFound","message":"Service web/missing does not exist"}]},
            {"parent":"Service web/missing","controllerName":"istio.io/gateway-controller","conditions":[
            {"type":"Accepted","status":"False","reason":"NoMatchingParent","message":"Service web/missing does not exist"},
            {"type":"ResolvedRefs","status":"False","reason":"BackendNotFound","message":"Service web/missing does not exist"}]}]}
            """.ReplaceLineEndings(""),
            Compact(status[1]));
    }

    [Fact]
    public async Task A_certificate_is_shown_with_serial_number_and_validity_and_never_its_key()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using X509Certificate2 certificate = new CertificateRequest("CN=x", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddDays(1));

        JsonElement dumped = (await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = new MeshState(),
            Certificates = Give(new CertificateDump
            {
                Identity = "spiffe://cluster.local/ns/web/sa/default",
                State = "Available",
                CertChain = [CertificateDetail.FromDer(certificate.RawData)],
            }),
        })).GetProperty("certificates")[0];

        JsonElement leaf = dumped.GetProperty("certChain")[0];
        Assert.Equal("1970-01-01T00:00:00Z", leaf.GetProperty("validFrom").GetString());
        Assert.Equal("1970-01-02T00:00:00Z", leaf.GetProperty("expirationTime").GetString());
        Assert.Equal(
            certificate.SerialNumber.TrimStart('0'),
            System.Numerics.BigInteger.Parse(leaf.GetProperty("serialNumber").GetString()!).ToString("X").TrimStart('0'));
        string pem = Encoding.ASCII.GetString(Convert.FromBase64String(leaf.GetProperty("pem").GetString()!));
        Assert.StartsWith("-----BEGIN CERTIFICATE-----", pem, StringComparison.Ordinal);
        Assert.DoesNotContain("PRIVATE", pem);
    }

    [Fact]
    public async Task A_part_that_throws_costs_its_own_section_only()
    {
        JsonElement dump = await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = Model.Mesh(),
            Certificates = _ => throw new InvalidOperationException("store is closed"),
        });

        Assert.Equal("InvalidOperationException: store is closed", dump.GetProperty("errors").GetProperty("certificates").GetString());
        Assert.False(dump.TryGetProperty("certificates", out _));
        Assert.Equal(2, dump.GetProperty("workloads").GetArrayLength());
    }

    [Fact]
    public async Task A_part_that_does_not_answer_costs_its_own_section_only()
    {
        var time = new ManualTime();
        var never = new TaskCompletionSource<IReadOnlyList<PoolDump>>();
        var reader = new ConfigDumpReader(
            new NodeSnapshots { Node = "node-a", Mesh = Model.Mesh(), Pools = _ => new(never.Task) }, time);

        Task<ConfigDump> reading = reader.Read(TestContext.Current.CancellationToken);
        await Eventually.Holds(() => time.ArmedTimers == 1);
        time.Advance(TimeSpan.FromSeconds(2));
        ConfigDump dump = await reading.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        Assert.Equal("no answer within 2 s", dump.Errors!["pools"]);
        Assert.Null(dump.Pools);
        Assert.Equal(2, dump.Workloads!.Count);
    }

    private static ConnectionSnapshot Inbound() => new(
        Model.Httpbin,
        ConnectionDirection.Inbound,
        IPEndPoint.Parse("10.1.0.2:40000"),
        IPEndPoint.Parse("10.2.0.2:8080"),
        IPEndPoint.Parse("10.2.0.2:8080"),
        "10.2.0.2:8080",
        BytesSent: 1,
        BytesReceived: 2,
        TimeSpan.FromSeconds(3));

    private static ConnectionSnapshot Outbound() => new(
        Model.Httpbin,
        ConnectionDirection.Outbound,
        IPEndPoint.Parse("10.2.0.2:5"),
        IPEndPoint.Parse("10.96.0.9:80"),
        IPEndPoint.Parse("10.2.0.9:80"),
        HboneAddress: null,
        BytesSent: 0,
        BytesReceived: 0,
        TimeSpan.Zero);

    private static Snapshot<T> Give<T>(params T[] items) => _ => ValueTask.FromResult<IReadOnlyList<T>>(items);

    private static async Task<JsonElement> Dump(NodeSnapshots snapshots)
    {
        await using Node node = await Node.Start(snapshots);
        using HttpResponseMessage response = await node.Admin.GetAsync("/config_dump", TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        using JsonDocument document = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        return document.RootElement.Clone();
    }

    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element, Readable);
}
