using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

public sealed class ManifestReaderTests
{
    [Fact]
    public void A_pod_is_read_with_all_that_is_used()
    {
        PodObject pod = Only<PodObject>("""
            apiVersion: v1
            kind: Pod
            metadata:
              name: web-7d4b9-x2x4z
              namespace: shop
              uid: 0d3c0ed3-7d2f-4d5c-9b0b-6f3c1a1f6f0e
              creationTimestamp: 2026-01-31T12:00:00Z
              labels: {app: web}
              annotations:
                ztunnel.io/network-namespace: web
                kubectl.kubernetes.io/last-applied-configuration: "{}"
              ownerReferences:
              - {kind: Other, name: other}
              - {kind: ReplicaSet, name: web-7d4b9, controller: true}
            spec:
              nodeName: node-a
              serviceAccountName: web
              initContainers:
              - {name: init, ports: [{name: other, containerPort: 1}]}
              - {name: sidecar, restartPolicy: Always, ports: [{name: metrics, containerPort: 9090}]}
              containers:
              - name: main
                command: [serve, --verbose]
                args: ["8080"]
                env: [{name: A, value: b}, {name: SECRET, valueFrom: {secretKeyRef: {name: s, key: k}}}]
                ports: [{name: http, containerPort: 8080}, {containerPort: 53, protocol: UDP}]
            status:
              phase: Pending
              podIP: 10.0.0.1
              podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}, {ip: "::ffff:10.0.0.1"}]
              conditions: [{type: PodScheduled, status: "True"}, {type: Ready, status: "False"}]
              containerStatuses: [{name: main, state: {waiting: {}}}]
            """);

        Assert.Equal("Pod shop/web-7d4b9-x2x4z", pod.Key.ToString());
        Assert.Equal(new ControllerReference("ReplicaSet", "web-7d4b9"), pod.Metadata.Controller);
        Assert.Equal("ztunnel.io/network-namespace=web", pod.Metadata.Annotations.ToString());
        Assert.Equal(new DateTimeOffset(2026, 1, 31, 12, 0, 0, TimeSpan.Zero), pod.Metadata.Created);
        Assert.Equal([IPAddress.Parse("10.0.0.1"), IPAddress.Parse("fd00::1")], pod.Addresses);
        Assert.Equal(PodPhase.Pending, pod.Phase);
        Assert.False(pod.ReadyCondition);
        Assert.False(pod.HasRunningContainer);
        Assert.Equal(["main", "sidecar"], pod.Containers.Select(container => container.Name).ToArray());
        Assert.Equal(["serve", "--verbose", "8080"], pod.Containers[0].Command.Concat(pod.Containers[0].Arguments).ToArray());
        Assert.Equal("A=b", pod.Containers[0].Environment.ToString());
        Assert.Equal([new ContainerPort("http", 8080, TransportProtocol.Tcp), new ContainerPort("", 53, TransportProtocol.Udp)], pod.Containers[0].Ports);
    }

    [Theory]
    [InlineData("{clusterIP: None}", "")]
    [InlineData("{}", "")]
    [InlineData("{clusterIP: 10.96.0.1}", "10.96.0.1")]
    [InlineData("{clusterIP: \"fd00::1\", clusterIPs: [\"fd00::1\", 10.96.0.1]}", "fd00::1 10.96.0.1")]
    [InlineData("{clusterIP: None, clusterIPs: [None]}", "")]
    [InlineData("{type: ExternalName, externalName: example.com, clusterIP: 10.96.0.1}", "")]
    public void The_virtual_ips_of_a_service(string spec, string expected)
    {
        ServiceObject service = Only<ServiceObject>($"apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {spec}\n");

        Assert.Equal(expected, string.Join(' ', service.ClusterIps));
    }

    [Theory]
    [InlineData("http", "http")]
    [InlineData("8080-tcp", "8080-tcp")]
    [InlineData("\"http\"", "http")]
    [InlineData("8080", "8080")]
    [InlineData("", "80")]
    [InlineData("null", "80")]
    public void A_target_port_is_a_name_a_number_or_the_port_itself(string given, string expected)
    {
        ServiceObject service = Only<ServiceObject>($"apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec:\n  ports:\n  - port: 80\n    targetPort: {given}\n");

        Assert.Equal(expected, service.Ports[0].Target switch
        {
            TargetPort.Numbered numbered => numbered.Port.ToString(CultureInfo.InvariantCulture),
            TargetPort.Named named => named.Name,
            _ => throw new UnreachableException(),
        });
    }

    [Fact]
    public void A_services_ports_have_longer_names_than_a_containers()
    {
        ServiceObject service = Only<ServiceObject>("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{name: http-for-the-public-at-large, port: 80}]}\n");

        Assert.Equal("http-for-the-public-at-large", service.Ports[0].Name);
    }

    [Fact]
    public void A_slice_is_read_with_all_that_is_used()
    {
        EndpointSliceObject slice = Only<EndpointSliceObject>("""
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata: {name: web-abc, labels: {kubernetes.io/service-name: web}}
            addressType: IPv4
            ports: [{name: http, port: 8080}, {name: dns, port: 53, protocol: UDP}, {name: all}]
            endpoints:
            - addresses: [10.0.0.1]
              targetRef: {kind: Pod, name: web-1, namespace: default}
            - addresses: [10.0.0.2, 10.0.0.3]
              conditions: {ready: false, serving: true}
              targetRef: {kind: Node, name: Not_A_Pod}
            """);

        Assert.Equal("web", slice.ServiceName);
        Assert.Equal([new SlicePort("http", 8080)], slice.Ports);
        Assert.Equal(
            [
                new SliceEndpoint([IPAddress.Parse("10.0.0.1")], Ready: true, "web-1"),
                new SliceEndpoint([IPAddress.Parse("10.0.0.2"), IPAddress.Parse("10.0.0.3")], Ready: false, null),
            ],
            slice.Endpoints);
    }

    public static TheoryData<string, string> Forms => new()
    {
        { "several documents", "---\n" + Namespace("a", null) + "---\n# nothing\n---\n\n--- \n" + Namespace("b", null) + "...\n" },
        { "a directive before a document, and an end mark", "%YAML 1.2\n---\n" + Namespace("a", null) + "...\n# between\n%YAML 1.2\n---\n" + Namespace("b", null) },
        { "a list", "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Namespace, metadata: {name: a}}\n- {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n" },
        { "a typed list", "apiVersion: v1\nkind: NamespaceList\nitems:\n- metadata: {name: a}\n- metadata: {name: b}\n" },
        { "a list of lists", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: NamespaceList\n  items: [{metadata: {name: a}}, {metadata: {name: b}}]\n" },
        { "JSON", """{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}},{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"b","labels":{"\u0078\/":""}}}]}""" },
        { "JSON indented by tabs", "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"NamespaceList\",\n\t\"items\": [\n\t\t{\"metadata\": {\"name\": \"a\"}},\n\t\t{\"metadata\": {\"name\": \"b\"}}\n\t]\n}\n" },
        { "a byte order mark", "\ufeff" + Join(Namespace("a", null), Namespace("b", null)) },
        { "lines ended as on Windows", Join(Namespace("a", null), Namespace("b", null)).ReplaceLineEndings("\r\n") },
        { "anchors and merge keys", "apiVersion: v1\nkind: List\nitems:\n- &first\n  apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n- <<: *first\n  metadata: {name: b}\n" },
        { "a document mark inside a block text", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  annotations:\n    text: |\n      ---\n      x\n---\n" + Namespace("b", null) },
    };

    [Theory]
    [MemberData(nameof(Forms))]
    public void Two_objects_are_two_in_whatever_form(string form, string yaml)
    {
        ManifestFile file = Read(yaml);

        Assert.Empty(file.Problems);
        Assert.True(file.Objects.Keys.Select(key => key.Name).SequenceEqual(["a", "b"], StringComparer.Ordinal), form);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\ufeff")]
    [InlineData("\n\n")]
    [InlineData("# only\n# words\n")]
    [InlineData("---\n---\n...\n---\n")]
    [InlineData("--- # nothing\nnull\n")]
    public void Nothing_is_nothing_and_no_mistake(string yaml)
    {
        ManifestFile file = Read(yaml);

        Assert.Empty(file.Objects);
        Assert.Empty(file.Problems);
        Assert.False(file.HasUnnamed);
    }

    [Fact]
    public void Kinds_that_are_not_used_are_counted_and_left_alone()
    {
        ManifestFile file = Read(Join(
            "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: 7}\n",
            "apiVersion: v1\nkind: ServiceAccount\n",
            "apiVersion: gateway.networking.k8s.io/v1\nkind: UDPRoute\nspec: anything\n",
            "apiVersion: serving.knative.dev/v1\nkind: Service\n",
            "apiVersion: metrics.k8s.io/v1beta1\nkind: PodMetrics\n",
            "apiVersion: v1\nkind: PodTemplate\n",
            "apiVersion: v1\nkind: Endpoints\n",
            "apiVersion: example.com/v1\nkind: AllowList\nspec: {}\n"));

        Assert.Empty(file.Problems);
        Assert.Empty(file.Objects);
        Assert.Equal(
            [
                "example.com/v1 AllowList 1", "gateway.networking.k8s.io/v1 UDPRoute 1", "metrics.k8s.io/v1beta1 PodMetrics 1",
                "serving.knative.dev/v1 Service 1", "v1 Endpoints 1", "v1 PodTemplate 1", "v1 ServiceAccount 2",
            ],
            file.UnknownKinds.Select(kind => $"{kind.Key} {kind.Value}").Order(StringComparer.Ordinal).ToArray());
    }

    public static TheoryData<string, string, string> Bombs
    {
        get
        {
            var laughs = new StringBuilder("a: &a [x, x, x, x, x, x, x, x, x, x]\n");
            var merges = new StringBuilder("a: &a {k: v}\n");
            for (char c = 'b'; c <= 'z'; c++)
            {
                char before = (char)(c - 1);
                laughs.Append(CultureInfo.InvariantCulture, $"{c}: &{c} [{string.Join(", ", Enumerable.Repeat("*" + before, 10))}]\n");
                merges.Append(CultureInfo.InvariantCulture, $"{c}: &{c} {{k{c}: *{before}, <<: [{string.Join(", ", Enumerable.Repeat("*" + before, 10))}]}}\n");
            }

            const string Aliases = "its aliases stand for more than 100000 nodes";
            const string Deep = "stand more than 64 deep in one another";
            string large = string.Join(", ", Enumerable.Range(0, 2000).Select(i => $"k{i}: v"));
            return new()
            {
                { "aliases of aliases", laughs.ToString(), Aliases },
                { "merges of merges", merges.ToString(), Aliases },
                { "merges of a large mapping", $"a: &a {{{large}}}\nb: {{<<: [{string.Join(", ", Enumerable.Repeat("*a", 2000))}]}}\n", Aliases },
                { "deep lists", "a: " + new string('[', 200_000), Deep },
                { "deep mappings in one line", "a: " + string.Concat(Enumerable.Repeat("{a: ", 100_000)), Deep },
                { "deep mappings in many lines", string.Concat(Enumerable.Range(0, 3000).Select(i => new string(' ', i) + "a:\n")), Deep },
                { "deep block lists", "a:\n" + string.Concat(Enumerable.Repeat("- ", 100_000)), Deep },
            };
        }
    }

    [Theory]
    [MemberData(nameof(Bombs))]
    public void A_manifest_made_to_overwhelm_is_refused_quickly(string bomb, string yaml, string reason)
    {
        var time = Stopwatch.StartNew();
        long before = GC.GetAllocatedBytesForCurrentThread();

        ManifestFile file = Read("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n" + yaml);

        Assert.Contains(reason, Assert.Single(file.Problems).Message, StringComparison.Ordinal);
        Assert.Empty(file.Objects);
        Assert.True(GC.GetAllocatedBytesForCurrentThread() - before < 100_000_000, bomb);
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(10), $"{bomb} took {time.Elapsed}");
    }

    [Fact]
    public void Lists_of_lists_end_somewhere()
    {
        string yaml = string.Concat(Enumerable.Repeat("{apiVersion: v1, kind: List, items: [", 10)) + string.Concat(Enumerable.Repeat("]}", 10));

        Assert.Equal(["x.yaml:1: lists stand more than 4 deep in one another"], Problems(yaml));
    }

    [Fact]
    public void The_demos_world_is_without_mistakes()
    {
        DirectoryContents contents = DirectorySource.Read(Repository.Path("deploy/demo"));

        Assert.Empty(contents.Problems);
        string[] objects = [.. contents.Objects.Select(@object => @object.Key.ToString())];
        foreach (string one in new[] { "Namespace legacy", "Node node-b", "Pod default/httpbin", "Service default/httpbin", "AuthorizationPolicy default/no-teapots" })
            Assert.Contains(one, objects, StringComparer.Ordinal);
        NodeObject node = contents.Objects.OfType<NodeObject>().First();
        Assert.Equal("172.30.0.11 fd00:172:30::11", string.Join(' ', node.InternalAddresses));
        Assert.Equal("10.244.1.0/24 fd00:10:244:1::/64", string.Join(' ', node.PodRanges));
    }
}
