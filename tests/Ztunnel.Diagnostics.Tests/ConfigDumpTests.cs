using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Ztunnel.Mesh;
using Ztunnel.Telemetry;

namespace Ztunnel.Diagnostics.Tests;

public sealed class ConfigDumpTests
{
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

    [Fact]
    public async Task An_empty_node_has_every_section_and_no_errors()
    {
        JsonElement dump = await Dump(new NodeSnapshots { Node = "node-a", Mesh = new MeshState() });

        Assert.Equal("node-a", dump.GetProperty("node").GetString());
        foreach (string section in new[] { "workloads", "services", "policies", "certificates", "pools", "problems" })
            Assert.Equal(0, dump.GetProperty(section).GetArrayLength());
        Assert.Equal(JsonValueKind.Object, dump.GetProperty("workloadState").ValueKind);
        Assert.False(dump.TryGetProperty("errors", out _));
    }

    [Fact]
    public async Task Enrolments_and_connections_meet_in_the_workload_state()
    {
        JsonElement state = (await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = new MeshState(),
            Enrolments = Give(
                new EnrolmentSnapshot(Model.Httpbin, "Up", null, "/run/netns/httpbin"),
                new EnrolmentSnapshot(Model.Legacy, "Failed", "the namespace does not hold 10.2.0.9", null)),
            Connections = Give(
                new ConnectionSnapshot(Model.Httpbin, ConnectionDirection.Inbound, "10.1.0.2:40000", null, "10.2.0.2:8080", Tunnelled: true),
                new ConnectionSnapshot(Model.Httpbin, ConnectionDirection.Outbound, "10.2.0.2:5", "10.96.0.1:80", "10.2.0.9:80", Tunnelled: false)),
        })).GetProperty("workloadState");

        Assert.Equal(
            """
            {"uid-httpbin-7":{"state":"Up","connections":{
            "inbound":[{"src":"10.1.0.2:40000","actualDst":"10.2.0.2:8080","protocol":"HBONE"}],
            "outbound":[{"src":"10.2.0.2:5","originalDst":"10.96.0.1:80","actualDst":"10.2.0.9:80","protocol":"TCP"}]},
            "info":{"name":"httpbin-7","namespace":"web","trustDomain":"cluster.local","serviceAccount":"default"},
            "networkNamespace":"/run/netns/httpbin"},
            "uid-legacy":{"state":"Failed","connections":{"inbound":[],"outbound":[]},
            "info":{"name":"legacy","namespace":"old","trustDomain":"cluster.local","serviceAccount":"default"},
            "reason":"the namespace does not hold 10.2.0.9"}}
            """.ReplaceLineEndings(""),
            Compact(state));
    }

    [Fact]
    public async Task Connections_of_a_pod_that_is_gone_are_shown_as_draining()
    {
        JsonElement state = (await Dump(new NodeSnapshots
        {
            Node = "node-a",
            Mesh = new MeshState(),
            Connections = Give(new ConnectionSnapshot(
                Model.Httpbin, ConnectionDirection.Inbound, "10.1.0.2:40000", null, "10.2.0.2:8080", Tunnelled: true)),
        })).GetProperty("workloadState").GetProperty("uid-httpbin-7");

        Assert.Equal("Draining", state.GetProperty("state").GetString());
        Assert.Equal(1, state.GetProperty("connections").GetProperty("inbound").GetArrayLength());
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
            Problems = Give(new ProblemDump("pods.yaml:12", "Pod web/httpbin", "spec.nodeName", "not a string")),
        });

        Assert.Equal("InvalidOperationException: store is closed", dump.GetProperty("errors").GetProperty("certificates").GetString());
        Assert.False(dump.TryGetProperty("certificates", out _));
        Assert.Equal(2, dump.GetProperty("workloads").GetArrayLength());
        Assert.Equal("pods.yaml:12", dump.GetProperty("problems")[0].GetProperty("source").GetString());
    }

    [Fact]
    public async Task A_part_that_does_not_answer_costs_its_own_section_only()
    {
        var time = new ManualTime();
        var never = new TaskCompletionSource<IReadOnlyList<PoolDump>>();
        var reader = new ConfigDumpReader(
            new NodeSnapshots { Node = "node-a", Mesh = Model.Mesh(), Pools = _ => new(never.Task) }, time);

        Task<ConfigDump> reading = reader.Read(TestContext.Current.CancellationToken);
        await time.FireTimers(TestContext.Current.CancellationToken);
        ConfigDump dump = await reading.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        Assert.Equal("no answer within 2 s", dump.Errors!["pools"]);
        Assert.Null(dump.Pools);
        Assert.Equal(2, dump.Workloads!.Count);
    }

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

    private static string Compact(JsonElement element) => JsonSerializer.Serialize(element);
}
