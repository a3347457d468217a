using System.Collections.Immutable;
using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

public sealed class TranslatorTests
{
    private static readonly string Ambient = Namespace("default", "ambient");

    [Fact]
    public void A_pod_becomes_a_workload()
    {
        var world = new World(Ambient, Pod(
            "web-7d4b9-x2x4z",
            "10.0.0.1",
            metadata: "uid: u-1, annotations: {ztunnel.io/network-namespace: web}, ownerReferences: [{kind: ReplicaSet, name: web-7d4b9, controller: true}]"));

        Workload workload = world.Workload("web-7d4b9-x2x4z");

        Assert.Equal("u-1", workload.Uid);
        Assert.Equal("spiffe://cluster.local/ns/default/sa/web-7d4b9-x2x4z", workload.Identity.ToString());
        Assert.Equal("node-a", workload.Node);
        Assert.Equal("web", workload.NetworkNamespace);
        Assert.Equal("app=web", workload.Labels.ToString());
        Assert.True(workload.Ambient);
        Assert.True(workload.Ready);
        Assert.Equal("web", workload.CanonicalName);
        Assert.Equal("latest", workload.CanonicalRevision);
        Assert.Equal("tunnel 10.0.0.1:80", world.Route("10.0.0.1:80"));
    }

    [Theory]
    [InlineData("{}", "", "lone", "lone", "latest")]
    [InlineData("{app: a, version: v1}", "", "lone", "a", "v1")]
    [InlineData("{app: a, app.kubernetes.io/name: b, version: v1, app.kubernetes.io/version: v2}", "", "lone", "b", "v2")]
    [InlineData("{app: a, service.istio.io/canonical-name: c, service.istio.io/canonical-revision: v3}", "", "lone", "c", "v3")]
    [InlineData("{pod-template-hash: 7d4b9}", "ReplicaSet web-7d4b9", "web", "web", "latest")]
    [InlineData("{}", "ReplicaSet web-7d4b9", "web-7d4b9", "web-7d4b9", "latest")]
    [InlineData("{}", "StatefulSet db", "db", "db", "latest")]
    [InlineData("{service.istio.io/workload-name: told}", "StatefulSet db", "told", "told", "latest")]
    public void A_workloads_names_follow_istios_rules(string labels, string owner, string name, string canonical, string revision)
    {
        string[] words = owner.Split(' ');
        string owners = words.Length < 2 ? "" : $", ownerReferences: [{{kind: {words[0]}, name: {words[1]}, controller: true}}]";
        var world = new World($"apiVersion: v1\nkind: Pod\nmetadata: {{name: lone, labels: {labels}{owners}}}\n");

        Workload workload = world.Workload("lone");

        Assert.Equal($"{name} {canonical} {revision}", $"{workload.WorkloadName} {workload.CanonicalName} {workload.CanonicalRevision}");
    }

    [Fact]
    public void The_trust_domain_is_an_option_and_the_service_account_defaults()
    {
        var world = new World(new TranslatorOptions { TrustDomain = "mesh.example" }, "apiVersion: v1\nkind: Pod\nmetadata: {name: lone}\n");

        Assert.Equal("spiffe://mesh.example/ns/default/sa/default", world.Workload("lone").Identity.ToString());
        Assert.Throws<FormatException>(() => new World(new TranslatorOptions { TrustDomain = "Mesh Example" }));
        Assert.Throws<FormatException>(() => new World(new TranslatorOptions { TrustDomainAliases = ["mesh.example", "Mesh Example"] }));
    }

    [Fact]
    public void A_pod_without_uid_has_always_the_same_one_of_its_own()
    {
        string first = new World(Pod("a", "10.0.0.1")).Workload("a").Uid;

        Assert.Equal(first, new World(Pod("a", "10.0.0.2")).Workload("a").Uid, StringComparer.Ordinal);
        Assert.NotEqual(first, new World(Pod("b", "10.0.0.1")).Workload("b").Uid, StringComparer.Ordinal);
        Assert.NotEqual(first, new World(Pod("a", "10.0.0.1", @namespace: "other")).Workload("a").Uid, StringComparer.Ordinal);
        Assert.True(Guid.TryParse(first, out _));
    }

    [Theory]
    [InlineData(null, "", "", "", Enrolment.NotLabelled)]
    [InlineData("ambient", "", "", "", Enrolment.Ambient)]
    [InlineData("none", "", "", "", Enrolment.NotLabelled)]
    [InlineData("ambient", "labels: {istio.io/dataplane-mode: none}", "", "", Enrolment.OptedOut)]
    [InlineData(null, "labels: {istio.io/dataplane-mode: ambient}", "", "", Enrolment.Ambient)]
    [InlineData("ambient", "", "hostNetwork: true", "", Enrolment.HostNetwork)]
    [InlineData("ambient", "labels: {istio.io/dataplane-mode: ambient}", "hostNetwork: true", "", Enrolment.HostNetwork)]
    [InlineData("ambient", "annotations: {sidecar.istio.io/status: \"{}\"}", "", "", Enrolment.Sidecar)]
    [InlineData("ambient", "", "", "phase: Succeeded", Enrolment.Terminated)]
    [InlineData("ambient", "", "", "phase: Failed", Enrolment.Terminated)]
    [InlineData("ambient", "", "", "phase: Pending", Enrolment.Ambient)]
    [InlineData("ambient", "deletionTimestamp: 2026-01-31T12:00:00Z", "", "phase: Running", Enrolment.Ambient)]
    [InlineData("ambient", "deletionTimestamp: 2026-01-31T12:00:00Z", "", "phase: Pending", Enrolment.Terminated)]
    [InlineData("ambient", "deletionTimestamp: 2026-01-31T12:00:00Z", "", "containerStatuses: [{state: {running: {startedAt: x}}}, {state: {terminated: {exitCode: 0}}}]", Enrolment.Ambient)]
    [InlineData("ambient", "deletionTimestamp: 2026-01-31T12:00:00Z", "", "containerStatuses: [{state: {terminated: {exitCode: 0}}}]", Enrolment.Terminated)]
    [InlineData("ambient", "deletionTimestamp: 2026-01-31T12:00:00Z", "", "phase: Pending, initContainerStatuses: [{state: {running: {}}}], containerStatuses: [{state: {waiting: {}}}]", Enrolment.Ambient)]
    [InlineData("ambient", "deletionTimestamp: 2026-01-31T12:00:00Z", "", "phase: Pending, initContainerStatuses: [{state: {terminated: {}}}], containerStatuses: [{state: {waiting: {}}}]", Enrolment.Terminated)]
    [InlineData("ambient", "deletionTimestamp: 2026-01-31T12:00:00Z", "", "phase: Running, initContainerStatuses: [{state: {running: {}}}], containerStatuses: [{state: {terminated: {}}}]", Enrolment.Ambient)]
    [InlineData("ambient", "deletionTimestamp: 2026-01-31T12:00:00Z", "", "phase: Running, ephemeralContainerStatuses: [{state: {running: {}}}], containerStatuses: [{state: {terminated: {}}}]", Enrolment.Ambient)]
    public void Which_pods_are_in_the_mesh(string? namespaceMode, string metadata, string spec, string status, Enrolment expected)
    {
        var world = new World(
            Namespace("default", namespaceMode),
            $"apiVersion: v1\nkind: Pod\nmetadata: {{name: a, {metadata}}}\nspec: {{{spec}}}\nstatus: {{podIP: 10.0.0.1, {status}}}\n");

        Workload workload = world.Workload("a");

        Assert.Equal(expected, workload.Enrolment);
        Assert.Equal(expected == Enrolment.Terminated, workload.Addresses.IsEmpty);
    }

    [Theory]
    [InlineData("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef", true)]
    [InlineData("0123456789abcdef0123456789abcdef", "another", false)]
    [InlineData("0123456789abcdef0123456789abcdef", "", false)]
    [InlineData("01234567-89ab-cdef-0123-456789abcdef", "01234567-89ab-cdef-0123-456789abcdef", false)]
    [InlineData("0123456789ABCDEF0123456789ABCDEF", "0123456789ABCDEF0123456789ABCDEF", false)]
    public void The_mirror_of_a_static_pod_carries_the_uid_its_kubelet_knows_it_by(string hash, string mirror, bool isStatic)
    {
        Workload workload = new World(Annotated($"kubernetes.io/config.hash: \"{hash}\", kubernetes.io/config.mirror: \"{mirror}\"")).Workload("a");

        Assert.Equal(isStatic ? hash : null, workload.StaticUid);
        Assert.Equal(isStatic ? hash : workload.Uid, workload.KubeletUid, StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("true", true, null)]
    [InlineData("1", true, null)]
    [InlineData("false", false, null)]
    [InlineData("", false, null)]
    [InlineData("yes", false, "is neither true nor false")]
    public void A_pod_may_ask_for_only_what_it_opens_to_be_captured(string said, bool bypasses, string? problem)
    {
        var world = new World(Annotated($"ambient.istio.io/bypass-inbound-capture: \"{said}\""));

        Assert.Equal(bypasses, world.Workload("a").BypassesInbound);
        Assert.Equal(problem is null, world.Problems.Length == 0);
        Assert.All(world.Problems, told => Assert.True(
            told.Contains("metadata.annotations[ambient.istio.io/bypass-inbound-capture]", StringComparison.Ordinal) && told.Contains(problem!, StringComparison.Ordinal), told));
    }

    private static string Annotated(string annotations) =>
        $"apiVersion: v1\nkind: Pod\nmetadata: {{name: a, annotations: {{{annotations}}}}}\nstatus: {{podIP: 10.0.0.1}}\n";

    [Fact]
    public void Excluded_namespaces_stay_out()
    {
        var world = new World(Namespace("kube-system", "ambient"), Pod("dns", "10.0.0.1", @namespace: "kube-system"));

        Assert.Equal(Enrolment.ExcludedNamespace, world.Workload("dns").Enrolment);
    }

    [Theory]
    [InlineData("podIP: 10.0.0.1", true)]
    [InlineData("podIP: \"\"", false)]
    [InlineData("podIP: 10.0.0.1, conditions: [{type: Ready, status: \"True\"}]", true)]
    [InlineData("podIP: 10.0.0.1, conditions: [{type: Ready, status: \"False\"}]", false)]
    [InlineData("podIP: 10.0.0.1, conditions: [{type: Ready, status: Unknown}]", false)]
    [InlineData("podIP: 10.0.0.1, conditions: [{type: Initialized, status: \"False\"}]", true)]
    [InlineData("podIP: 10.0.0.1, phase: Succeeded", false)]
    public void A_pod_is_ready_by_its_condition_or_by_having_an_address(string status, bool ready)
    {
        var world = new World($"apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nstatus: {{{status}}}\n");

        Assert.Equal(ready, world.Workload("a").Ready);
    }

    [Fact]
    public void Labelling_a_namespace_takes_its_pods_in_and_out_and_costs_only_them()
    {
        var world = new World(Namespace("shop", null), Namespace("bank", null));
        for (int i = 0; i < 500; i++)
            world.Put(Pod($"bank-{i}", $"10.1.{i >> 8}.{i & 255}", @namespace: "bank"));
        world.Put(Pod("shop-1", "10.2.0.1", @namespace: "shop"), Pod("shop-2", "10.2.0.2", @namespace: "shop"));
        var changes = new List<string>();
        using IDisposable observation = world.Mesh.Observe(change =>
        {
            if (change.Old is not null)
                changes.Add($"{change.Subject.Name} {change.Old.Ambient} to {change.New?.Ambient}");
        });

        long before = world.Mesh.EntriesWritten;
        world.Put(Namespace("shop", "ambient"));

        // Of each of the two pods itself and its address.
        Assert.Equal(4, world.Mesh.EntriesWritten - before);
        Assert.Equal(["shop-1 False to True", "shop-2 False to True"], changes.Order(StringComparer.Ordinal).ToArray());
        Assert.Equal("tunnel 10.2.0.1:80", world.Route("10.2.0.1:80"));

        changes.Clear();
        world.Remove(Namespace("shop", null));

        Assert.Equal(["shop-1 True to False", "shop-2 True to False"], changes.Order(StringComparer.Ordinal).ToArray());
        Assert.Equal("clear unchanged", world.Route("10.2.0.1:80"));
    }

    [Theory]
    [InlineData("http", "tunnel 10.0.0.1:8080", "tunnel 10.0.0.2:9090")]
    [InlineData("7070", "tunnel 10.0.0.1:7070", "tunnel 10.0.0.2:7070")]
    [InlineData("null", "tunnel 10.0.0.1:80", "tunnel 10.0.0.2:80")]
    public void Without_slices_the_pods_a_service_selects_are_its_endpoints(string target, string first, string second)
    {
        var world = new World(
            Ambient,
            Service("web", "10.96.0.1", target: target),
            Pod("a", "10.0.0.1"),
            Pod("b", "10.0.0.2", http: 9090),
            Pod("c", "10.0.0.3", app: "other"),
            Pod("d", "10.0.0.4", @namespace: "elsewhere"));

        Assert.Equal([first, second, first], Enumerable.Range(0, 3).Select(pick => world.Route("10.96.0.1:80", pick)).ToArray());
    }

    [Fact]
    public void Derived_endpoints_follow_their_pods()
    {
        var world = new World(Ambient, Service("web", "10.96.0.1"));
        Assert.Equal("deny NoReadyEndpoints", world.Route("10.96.0.1:80"));

        world.Put(Pod("a", "10.0.0.1"));
        Assert.Equal("tunnel 10.0.0.1:8080", world.Route("10.96.0.1:80"));

        world.Put(Pod("a", "10.0.0.1", status: "conditions: [{type: Ready, status: \"False\"}]"));
        Assert.Equal("deny NoReadyEndpoints", world.Route("10.96.0.1:80"));

        world.Put(Pod("a", "10.0.0.9", http: 8081));
        Assert.Equal("tunnel 10.0.0.9:8081", world.Route("10.96.0.1:80"));

        world.Put(Pod("a", "10.0.0.9", app: "other"));
        Assert.Equal("deny NoReadyEndpoints", world.Route("10.96.0.1:80"));

        world.Put(Service("web", "10.96.0.1", app: "other"));
        Assert.Equal("tunnel 10.0.0.9:8080", world.Route("10.96.0.1:80"));

        world.Remove(Pod("a", "10.0.0.9"));
        Assert.Equal("deny NoReadyEndpoints", world.Route("10.96.0.1:80"));
        Assert.Empty(world.Mesh.EndpointsOf(new ServiceName("default", "web")));
    }

    [Fact]
    public void A_pod_that_does_not_name_the_target_port_is_no_endpoint()
    {
        var world = new World(Ambient, Service("web", "10.96.0.1", target: "admin"), Pod("a", "10.0.0.1"));

        Assert.Equal("deny NoReadyEndpoints", world.Route("10.96.0.1:80"));
    }

    [Fact]
    public void Addresses_that_are_not_ready_may_be_published()
    {
        var world = new World(
            Ambient,
            Service("web", "10.96.0.1", spec: "publishNotReadyAddresses: true"),
            Pod("a", "10.0.0.1", status: "conditions: [{type: Ready, status: \"False\"}]"));

        Assert.Equal("tunnel 10.0.0.1:8080", world.Route("10.96.0.1:80"));
    }

    [Fact]
    public void Where_there_are_slices_they_count_and_not_the_selector()
    {
        var world = new World(Ambient, Service("web", "10.96.0.1"), Pod("a", "10.0.0.1"), Pod("b", "10.0.0.2", app: "other"));
        string slice = Slice("web-1", "web", 7070, "10.0.0.2");

        world.Put(slice);
        Assert.Equal(["tunnel 10.0.0.2:7070", "tunnel 10.0.0.2:7070"], Enumerable.Range(0, 2).Select(pick => world.Route("10.96.0.1:80", pick)).ToArray());

        world.Put(Pod("c", "10.0.0.3"));
        Assert.Equal("tunnel 10.0.0.2:7070", world.Route("10.96.0.1:80", 1));

        world.Put(Slice("web-1", "other", 7070, "10.0.0.2"));
        Assert.Equal("tunnel 10.0.0.1:8080", world.Route("10.96.0.1:80"));

        world.Put(slice);
        world.Remove(slice);
        Assert.Equal("tunnel 10.0.0.3:8080", world.Route("10.96.0.1:80", 1));
    }

    [Fact]
    public void In_a_cluster_nothing_is_derived()
    {
        var world = new World(new TranslatorOptions { DeriveEndpoints = false }, Ambient, Service("web", "10.96.0.1"), Pod("a", "10.0.0.1"));

        Assert.Equal("deny NoReadyEndpoints", world.Route("10.96.0.1:80"));
    }

    [Fact]
    public void Only_tcp_ports_are_the_meshs_business()
    {
        var world = new World(Ambient, """
            apiVersion: v1
            kind: Service
            metadata: {name: dns}
            spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: udp, port: 53, protocol: UDP}, {name: tcp, port: 54}]}
            """,
            Pod("a", "10.0.0.1"));

        Assert.Equal("deny UnknownServicePort", world.Route("10.96.0.1:53"));
        Assert.Equal("tunnel 10.0.0.1:54", world.Route("10.96.0.1:54"));
    }

    [Fact]
    public void An_external_name_is_left_to_dns()
    {
        string external = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: ExternalName, externalName: example.com}\n";
        var world = new World(Ambient, Service("web", "10.96.0.1"), Pod("a", "10.0.0.1"), external);

        Assert.Empty(world.Mesh.Services);
        Assert.Equal("clear unchanged", world.Route("10.96.0.1:80"));

        world.Put(Service("web", "10.96.0.1"));
        Assert.Equal("tunnel 10.0.0.1:8080", world.Route("10.96.0.1:80"));
    }

    [Fact]
    public void A_pod_of_the_same_name_and_another_uid_is_another_pod()
    {
        var world = new World(Ambient, Pod("db-0", "10.0.0.1", metadata: "uid: first"));
        var changes = new List<WorkloadChange>();
        using IDisposable observation = world.Mesh.Observe(changes.Add);
        changes.Clear();

        world.Put(Pod("db-0", "10.0.0.1", metadata: "uid: second"));

        Assert.Equal([("first", null), (null, "second")], changes.Select(change => (change.Old?.Uid, change.New?.Uid)));
        Assert.Equal("second", world.At("10.0.0.1")?.Uid);
    }

    public static TheoryData<string[]> OrdersOfReuse => new(
        ["old ends", "new comes", "old goes"],
        ["new comes", "old ends", "old goes"],
        ["new comes", "old goes"],
        ["old goes", "new comes"],
        ["old ends", "old goes", "new comes"]);

    [Theory]
    [MemberData(nameof(OrdersOfReuse))]
    public void A_reused_address_is_the_new_pods_in_any_order_of_events(string[] order)
    {
        var world = new World(Ambient, Service("web", "10.96.0.1"), Pod("old", "10.0.0.1", metadata: "uid: old"));

        foreach (string step in order)
        {
            if (step == "old ends")
                world.Put(Pod("old", "10.0.0.1", metadata: "uid: old", status: "phase: Succeeded"));
            else if (step == "old goes")
                world.Remove(Pod("old", "10.0.0.1"));
            else
                world.Put(Pod("new", "10.0.0.1", metadata: "uid: new"));
        }

        Assert.Equal("new", world.At("10.0.0.1")?.Uid);
        Assert.Equal("new", Assert.IsType<Ztunnel.Mesh.Route.Tunnel>(world.Decide("10.96.0.1:80")).Destination.Uid);
        Assert.Empty(world.Problems);
    }

    [Fact]
    public void Two_pods_of_one_uid_are_two_and_the_second_is_told()
    {
        var world = new World(Ambient, Pod("b", "10.0.0.2", metadata: "uid: same"), Pod("a", "10.0.0.1", metadata: "uid: same"));

        Assert.Equal("same", world.Workload("a").Uid);
        Assert.NotEqual("same", world.Workload("b").Uid, StringComparer.Ordinal);
        Assert.Equal(["x.yaml:1: Pod default/b: metadata.uid: is that of Pod default/a too; taken as if it were not given"], world.Problems);

        world.Remove(Pod("a", "10.0.0.1"));
        Assert.Equal("same", world.Workload("b").Uid);
        Assert.Empty(world.Problems);
    }

    [Fact]
    public void An_address_of_two_objects_is_told()
    {
        var world = new World(Ambient, Pod("a", "10.0.0.1"), Pod("b", "10.0.0.1"), Service("web", "10.96.0.1"), Service("web2", "10.96.0.1"));

        Assert.Equal(
            [
                "x.yaml:1: Pod default/b: status.podIPs[10.0.0.1]: is an address of Pod default/a too",
                "x.yaml:1: Service default/web2: spec.clusterIPs[10.96.0.1]: is an address of Service default/web too",
            ],
            world.Problems.Order(StringComparer.Ordinal).ToArray());
        Assert.Equal("deny AddressConflict", world.Route("10.0.0.1:80"));

        world.Put(Pod("a", "10.0.0.3"));
        world.Remove(Service("web", "10.96.0.1"));
        Assert.Empty(world.Problems);
    }

    [Fact]
    public void A_fault_at_one_object_does_not_keep_others_from_being_followed()
    {
        var world = new World(Ambient);
        using IDisposable observation = world.Mesh.Observe(change =>
        {
            if (string.Equals(change.Subject.Name, "a", StringComparison.Ordinal))
                throw new InvalidOperationException("boom");
        });

        world.Put(Pod("a", "10.0.0.1"), Pod("b", "10.0.0.2"));

        Assert.Equal("tunnel 10.0.0.2:80", world.Route("10.0.0.2:80"));
        Assert.Equal(["x.yaml:1: Pod default/a: could not be applied: boom"], world.Problems);
    }

    [Fact]
    public void An_object_a_fault_befell_is_tried_again_when_it_is_told_again()
    {
        var world = new World(Ambient, Service("web", "10.96.0.1"));
        bool faulty = true;
        using IDisposable observation = world.Mesh.Observe(change =>
        {
            if (faulty && string.Equals(change.Subject.Name, "a", StringComparison.Ordinal))
                throw new InvalidOperationException("boom");
        });
        world.Put(Pod("a", "10.0.0.1", metadata: "uid: u"));
        Assert.Equal("deny NoReadyEndpoints", world.Route("10.96.0.1:80"));

        // The same object, a line further down in its file.
        faulty = false;
        world.Put(Pod("a", "10.0.0.1", metadata: "uid: u"));

        Assert.Empty(world.Problems);
        Assert.Equal("tunnel 10.0.0.1:8080", world.Route("10.96.0.1:80"));
        world.Put(Pod("b", "10.0.0.1"));
        Assert.Equal(["x.yaml:1: Pod default/b: status.podIPs[10.0.0.1]: is an address of Pod default/a too"], world.Problems);
    }

    [Fact]
    public void A_problem_between_objects_is_logged_once_while_it_lasts()
    {
        var world = new World(Ambient, Pod("a", "10.0.0.1", metadata: "uid: same"), Pod("b", "10.0.0.1", metadata: "uid: same"));
        world.Put(Pod("b", "10.0.0.1", metadata: "uid: same, annotations: {touched: again}"));

        Assert.Equal(
            [
                "x.yaml:1: Pod default/b: status.podIPs[10.0.0.1]: is an address of Pod default/a too",
                "x.yaml:1: Pod default/b: metadata.uid: is that of Pod default/a too; taken as if it were not given",
            ],
            world.Log.At(LogLevel.Warning));
    }

    [Fact]
    public void Kinds_that_are_not_used_are_logged_when_they_are_first_seen()
    {
        var world = new World();
        foreach (string source in (string[])["a.yaml", "b.yaml", "a.yaml"])
        {
            world.Translator.Apply(new ResourceEvent.Report(new SourceReport
            {
                Name = source,
                UnknownKinds = ImmutableSortedDictionary<string, int>.Empty.Add("apps/v1 Deployment", 3),
            }));
        }

        Assert.Equal(["a.yaml: objects of kind apps/v1 Deployment are not used and left alone"], world.Log.At(LogLevel.Information));
    }

    [Theory]
    [InlineData("phase: Pending", false)]
    [InlineData("phase: Unknown", false)]
    [InlineData("phase: Running", true)]
    [InlineData("phase: Pending, conditions: [{type: Ready, status: \"True\"}]", true)]
    public void A_pod_that_does_not_run_takes_no_traffic(string status, bool ready)
    {
        var world = new World(Ambient, Pod("a", "10.0.0.1", status: status));

        Assert.Equal(ready, world.Workload("a").Ready);
    }

    [Fact]
    public void A_change_to_one_pod_of_a_service_touches_nothing_of_its_siblings()
    {
        long[] costs = [Cost(10), Cost(400)];

        Assert.Equal(costs[0], costs[1]);

        static long Cost(int pods)
        {
            var world = new World(Ambient, Service("web", "10.96.0.1"));
            for (int i = 0; i < pods; i++)
                world.Put(Pod($"pod-{i}", $"10.0.{i >> 8}.{i & 255}"));
            long before = world.Mesh.EntriesWritten;
            world.Put(Pod("pod-3", "10.0.0.3", status: "conditions: [{type: Ready, status: \"False\"}]"));
            return world.Mesh.EntriesWritten - before;
        }
    }

    [Fact]
    public void The_inventory_lists_objects_with_their_places()
    {
        var world = new World(Ambient, Pod("a", "10.0.0.1"));
        world.Translator.Apply(new ResourceEvent.Synced());

        InventorySnapshot snapshot = world.Translator.Inventory.Snapshot();

        Assert.True(snapshot.Synced);
        Assert.True(world.Translator.Synced.IsCompleted);
        Assert.Equal(["Namespace default at x.yaml:1", "Pod default/a at x.yaml:1"], snapshot.Objects.Select(status => $"{status.Key} at {status.Origin}").ToArray());
    }

    [Fact]
    public void In_the_demos_world_curl_reaches_httpbin_through_a_tunnel()
    {
        var world = new World();
        foreach (KubernetesObject @object in DirectorySource.Read(Repository.Path("deploy/demo")).Objects)
            world.Translator.Apply(new ResourceEvent.Put(@object, new Origin("demo", 1)));

        Assert.Empty(world.Problems);
        Assert.Equal("tunnel 10.244.2.20:8080", world.Route("10.96.0.20:8000"));
        Assert.Equal("tunnel [fd00:10:244:2::20]:8080", world.Route("[fd00:10:96::20]:8000"));
        Assert.Equal("clear unchanged", world.Route("10.244.1.20:80"));
        Assert.Equal("spiffe://cluster.local/ns/default/sa/httpbin", world.Workload("httpbin").Identity.ToString());
        Assert.Equal(Enrolment.NotLabelled, world.Workload("legacy-client").Enrolment);
    }
}
