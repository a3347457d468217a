using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Every mistake is told with its file, line, object and field.</summary>
public sealed class ManifestProblemTests
{
    private const string PodHead = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n";
    private const string ServiceHead = "apiVersion: v1\nkind: Service\nmetadata:\n  name: httpbin\n";
    private const string SliceHead = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: web-1\n";

    public static TheoryData<string, string> Fields => new()
    {
        // Services
        {
            ServiceHead + "spec:\n  ports:\n  - port: 8000\n    targetPort: 80a0\n",
            "x.yaml:8: Service default/httpbin: spec.ports[0].targetPort: expected a port name or a number from 1 to 65535, got \"80a0\""
        },
        {
            ServiceHead + "spec:\n  ports:\n  - port: 8000\n    targetPort: 70000\n",
            "x.yaml:8: Service default/httpbin: spec.ports[0].targetPort: expected a port name or a number from 1 to 65535, got the number 70000"
        },
        {
            ServiceHead + "spec:\n  ports:\n  - port: 8000\n    targetPort: \"8080\"\n",
            "x.yaml:8: Service default/httpbin: spec.ports[0].targetPort: expected a port name or a number from 1 to 65535, got \"8080\""
        },
        {
            ServiceHead + "spec:\n  ports:\n  - port: 8000\n    targetPort: [http]\n",
            "x.yaml:8: Service default/httpbin: spec.ports[0].targetPort: expected a port name or a number from 1 to 65535, got a list"
        },
        {
            ServiceHead + "spec:\n  ports:\n  - port: 0\n",
            "x.yaml:7: Service default/httpbin: spec.ports[0].port: expected a number from 1 to 65535, got the number 0"
        },
        {
            ServiceHead + "spec:\n  ports:\n  - port: \"80\"\n",
            "x.yaml:7: Service default/httpbin: spec.ports[0].port: expected a number from 1 to 65535, got \"80\""
        },
        { ServiceHead + "spec:\n  ports:\n  - name: http\n", "x.yaml:7: Service default/httpbin: spec.ports[0].port: is required" },
        { ServiceHead + "spec:\n  ports: 80\n", "x.yaml:6: Service default/httpbin: spec.ports: expected a list, got the number 80" },
        {
            ServiceHead + "spec:\n  ports:\n  - port: 80\n    name: web\n  - port: 81\n",
            "x.yaml:9: Service default/httpbin: spec.ports[1].name: is required where a service has several ports"
        },
        {
            ServiceHead + "spec:\n  ports:\n  - {port: 80, name: web}\n  - {port: 81, name: web}\n",
            "x.yaml:8: Service default/httpbin: spec.ports[1].name: another port of the service is named \"web\" too"
        },
        {
            ServiceHead + "spec:\n  ports:\n  - {port: 80, name: web}\n  - {port: 80, name: bew}\n",
            "x.yaml:8: Service default/httpbin: spec.ports[1].port: another port of the service has number 80 too"
        },
        {
            ServiceHead + "spec:\n  ports:\n  - {port: 80, protocol: tcp}\n",
            "x.yaml:7: Service default/httpbin: spec.ports[0].protocol: expected TCP or UDP or SCTP, got \"tcp\""
        },
        {
            ServiceHead + "spec:\n  ports:\n  - {port: 80, name: Web}\n",
            "x.yaml:7: Service default/httpbin: spec.ports[0].name: may hold only lower-case letters, digits and '-', and must begin and end with a letter or digit, got \"Web\""
        },
        { ServiceHead + "spec:\n  clusterIP: 10.96.0.300\n", "x.yaml:6: Service default/httpbin: spec.clusterIP: expected an IP address, got \"10.96.0.300\"" },
        { ServiceHead + "spec:\n  clusterIP: 10.96.20\n", "x.yaml:6: Service default/httpbin: spec.clusterIP: expected an IP address, got \"10.96.20\"" },
        { ServiceHead + "spec:\n  clusterIP: 010.96.0.20\n", "x.yaml:6: Service default/httpbin: spec.clusterIP: expected an IP address, got \"010.96.0.20\"" },
        { ServiceHead + "spec:\n  clusterIP: 127.0.0.1\n", "x.yaml:6: Service default/httpbin: spec.clusterIP: expected an address that can be a service's, got \"127.0.0.1\"" },
        {
            ServiceHead + "spec:\n  clusterIP: 10.96.0.21\n  clusterIPs:\n  - 10.96.0.20\n",
            "x.yaml:6: Service default/httpbin: spec.clusterIP: must be the first of spec.clusterIPs"
        },
        {
            ServiceHead + "spec:\n  clusterIPs:\n  - 10.96.0.20\n  - 10.96.0.21\n",
            "x.yaml:7: Service default/httpbin: spec.clusterIPs: may hold at most one IPv4 and one IPv6 address"
        },
        {
            ServiceHead + "spec:\n  trafficDistribution: PreferMoon\n",
            "x.yaml:6: Service default/httpbin: spec.trafficDistribution: expected PreferClose or PreferSameZone or PreferSameNode, got \"PreferMoon\""
        },
        { ServiceHead + "spec:\n  type: Headless\n", "x.yaml:6: Service default/httpbin: spec.type: expected ClusterIP or NodePort or LoadBalancer or ExternalName, got \"Headless\"" },
        { ServiceHead + "spec:\n  selector:\n    version: 1\n", "x.yaml:7: Service default/httpbin: spec.selector[version]: expected a string, got the number 1; put it in quotes" },
        { ServiceHead, "x.yaml:1: Service default/httpbin: spec: is required" },
        { ServiceHead + "spec: []\n", "x.yaml:5: Service default/httpbin: spec: expected a mapping, got a list" },

        // Names, labels and what is around them
        { "apiVersion: v1\nkind: Pod\nmetadata:\n  labels: {}\n", "x.yaml:4: Pod: metadata.name: is required" },
        { "apiVersion: v1\nkind: Pod\n", "x.yaml:1: Pod: metadata.name: is required" },
        { "apiVersion: v1\nkind: Pod\nmetadata:\n  name: 7\n", "x.yaml:4: Pod: metadata.name: expected a string, got the number 7; put it in quotes" },
        {
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: Web_1\n",
            "x.yaml:4: Pod: metadata.name: may hold only lower-case letters, digits, '-' and '.', and must begin and end with a letter or digit, got \"Web_1\""
        },
        {
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: a.b\nspec: {}\n",
            "x.yaml:4: Service: metadata.name: may hold only lower-case letters, digits and '-', and must begin and end with a letter or digit, got \"a.b\""
        },
        {
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + new string('n', 64) + "\n",
            "x.yaml:4: Namespace: metadata.name: may be at most 63 characters long, got \"" + new string('n', 60) + "...\""
        },
        {
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " + new string('p', 254) + "\n",
            "x.yaml:4: Pod: metadata.name: may be at most 253 characters long, got \"" + new string('p', 60) + "...\""
        },
        { PodHead + "  namespace: Default\n", "x.yaml:5: Pod: metadata.namespace: may hold only lower-case letters, digits and '-', and must begin and end with a letter or digit, got \"Default\"" },
        { PodHead + "  labels:\n    app: true\n", "x.yaml:6: Pod default/web: metadata.labels[app]: expected a string, got the boolean true; put it in quotes" },
        { PodHead + "  labels:\n    version: 1.10\n", "x.yaml:6: Pod default/web: metadata.labels[version]: expected a string, got the number 1.10; put it in quotes" },
        { PodHead + "  labels:\n    app: a b\n", "x.yaml:6: Pod default/web: metadata.labels[app]: may hold only letters, digits, '-', '_' and '.', and must begin and end with a letter or digit, got \"a b\"" },
        { PodHead + "  labels:\n    app: " + new string('x', 64) + "\n", "x.yaml:6: Pod default/web: metadata.labels[app]: may be at most 63 characters long, got \"" + new string('x', 60) + "...\"" },
        { PodHead + "  labels: app\n", "x.yaml:5: Pod default/web: metadata.labels: expected a mapping, got \"app\"" },
        { PodHead + "  creationTimestamp: soon\n", "x.yaml:5: Pod default/web: metadata.creationTimestamp: expected a time such as 2026-01-31T12:00:00Z, got \"soon\"" },
        { PodHead + "  name: again\n", "x.yaml:5: Pod default/web: metadata.name: is given twice, first at line 4" },
        { PodHead + "spec:\n  affinity:\n    a: 1\n    a: 2\n", "x.yaml:8: Pod default/web: spec.affinity.a: is given twice, first at line 7" },
        { PodHead + "  annotations:\n    ztunnel.io/network-namespace: ../host\n", "x.yaml:6: Pod default/web: metadata.annotations[ztunnel.io/network-namespace]: must be a name or an absolute path, got \"../host\"" },
        { PodHead + "  annotations:\n    ztunnel.io/network-namespace: a/b\n", "x.yaml:6: Pod default/web: metadata.annotations[ztunnel.io/network-namespace]: must be a name or an absolute path, got \"a/b\"" },
        { PodHead + "  annotations:\n    ztunnel.io/network-namespace: \"\"\n", "x.yaml:6: Pod default/web: metadata.annotations[ztunnel.io/network-namespace]: is required" },
        { PodHead + "  ownerReferences:\n  - controller: true\n    name: rs\n", "x.yaml:6: Pod default/web: metadata.ownerReferences[0].kind: is required" },
        { "kind: Pod\n", "x.yaml:1: apiVersion: is required" },
        { "apiVersion: v1\nkind: pod\nmetadata: {name: web}\n", "x.yaml:2: Pod default/web: kind: expected Pod, got \"pod\"" },
        { "apiVersion: v1\nkind: Pods\nmetadata: {name: web}\n", "x.yaml:2: Pod default/web: kind: expected Pod, got \"Pods\"" },
        { "apiVersion: v1\nkind: NAMESPACE\nmetadata: {name: web}\n", "x.yaml:2: Namespace web: kind: expected Namespace, got \"NAMESPACE\"" },
        { "apiVersion: v1\nkind: Pdo\nmetadata: {name: web}\n", "x.yaml:2: Pod default/web: kind: expected Pod, got \"Pdo\"" },
        { "apiVersion: v1\nkind: Nmaespaces\nmetadata: {name: web}\n", "x.yaml:2: Namespace web: kind: expected Namespace, got \"Nmaespaces\"" },
        {
            "apiVersion: gateway.networking.k8s.io/v1\nkind: Gatway\nmetadata: {name: web}\n",
            "x.yaml:2: Gateway default/web: kind: expected Gateway, got \"Gatway\""
        },
        {
            "apiVersion: security.istio.io/v1\nkind: PeerAuthenticaton\nmetadata: {name: web}\n",
            "x.yaml:2: PeerAuthentication default/web: kind: expected PeerAuthentication, got \"PeerAuthenticaton\""
        },
        {
            "apiVersion: securty.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: web}\n",
            "x.yaml:1: PeerAuthentication default/web: apiVersion: expected security.istio.io/v1 or security.istio.io/v1beta1, got \"securty.istio.io/v1\""
        },
        { "apiVersion: vl\nkind: Pod\nmetadata: {name: web}\n", "x.yaml:1: Pod default/web: apiVersion: expected v1, got \"vl\"" },
        { "apiVersion: apps/v1\nkind: Service\nmetadata: {name: web}\n", "x.yaml:1: Service default/web: apiVersion: expected v1, got \"apps/v1\"" },
        {
            "apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: web}\n",
            "x.yaml:1: EndpointSlice default/web: apiVersion: expected discovery.k8s.io/v1, got \"discovery.k8s.io/v1beta1\""
        },
        { "apiVersion: v1\nkind: EndpointSlice\nmetadata: {name: web}\n", "x.yaml:1: EndpointSlice default/web: apiVersion: expected discovery.k8s.io/v1, got \"v1\"" },
        { "apiVersion: v1\nkind: list\nitems: []\n", "x.yaml:2: kind: expected a kind that ends in List, as there are items, got \"list\"" },
        { "apiVersion: v1\nkind: PodsList\nitems: [{metadata: {name: web}}]\n", "x.yaml:3: Pod default/web: kind: expected Pod, got \"Pods\"" },
        { "apiVersion: v1\n", "x.yaml:1: kind: is required" },
        { "apiVersion: 1\nkind: Pod\n", "x.yaml:1: apiVersion: expected a string, got the number 1; put it in quotes" },
        { "just text\n", "x.yaml:1: expected a mapping, got \"just text\"" },
        { "- a\n- b\n", "x.yaml:1: expected a mapping, got a list" },
        { "apiVersion: v1\nkind: List\nitems: 3\n", "x.yaml:3: items: expected a list, got the number 3" },
        { "apiVersion: v1\nkind: List\nitems:\n- kind: Pod\n", "x.yaml:4: apiVersion: is required" },
        { "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n  status: {podIP: x}\n", "x.yaml:5: Pod default/a: status.podIP: expected an IP address, got \"x\"" },

        // Pods
        { PodHead + "spec:\n  hostNetwork: 1\n", "x.yaml:6: Pod default/web: spec.hostNetwork: expected true or false, got the number 1" },
        { PodHead + "spec:\n  hostNetwork: \"true\"\n", "x.yaml:6: Pod default/web: spec.hostNetwork: expected true or false, got \"true\"" },
        { PodHead + "spec:\n  nodeName: [a]\n", "x.yaml:6: Pod default/web: spec.nodeName: expected a string, got a list" },
        { PodHead + "spec:\n  serviceAccountName: a/b\n", "x.yaml:6: Pod default/web: spec.serviceAccountName: may hold only lower-case letters, digits, '-' and '.', and must begin and end with a letter or digit, got \"a/b\"" },
        { PodHead + "spec:\n  containers:\n  - image: x\n", "x.yaml:7: Pod default/web: spec.containers[0].name: is required" },
        { PodHead + "spec:\n  containers:\n  - name: c\n    command: [sleep, 5]\n", "x.yaml:8: Pod default/web: spec.containers[0].command[1]: expected a string, got the number 5; put it in quotes" },
        { PodHead + "spec:\n  containers:\n  - name: c\n    ports:\n    - name: http\n", "x.yaml:9: Pod default/web: spec.containers[0].ports[0].containerPort: is required" },
        {
            PodHead + "spec:\n  containers:\n  - name: c\n    ports:\n    - {containerPort: 80, name: sixteen-letters-}\n",
            "x.yaml:9: Pod default/web: spec.containers[0].ports[0].name: must be a port name: at most 15 lower-case letters, digits and single '-', with a letter, got \"sixteen-letters-\""
        },
        { PodHead + "spec:\n  containers:\n  - name: c\n    ports:\n    - containerPort: 99999\n", "x.yaml:9: Pod default/web: spec.containers[0].ports[0].containerPort: expected a number from 1 to 65535, got the number 99999" },
        { PodHead + "status:\n  podIP: fe80::1%eth0\n", "x.yaml:6: Pod default/web: status.podIP: expected an IP address, got \"fe80::1%eth0\"" },
        { PodHead + "status:\n  podIPs:\n  - ip: 10.0.0.1\n  - ip: ten\n", "x.yaml:8: Pod default/web: status.podIPs[1].ip: expected an IP address, got \"ten\"" },
        { PodHead + "status:\n  podIPs:\n  - 10.0.0.1\n", "x.yaml:7: Pod default/web: status.podIPs[0]: expected a mapping, got \"10.0.0.1\"" },
        { PodHead + "status:\n  phase: Runing\n", "x.yaml:6: Pod default/web: status.phase: expected Pending or Running or Succeeded or Failed or Unknown, got \"Runing\"" },
        { PodHead + "status:\n  conditions:\n  - type: Ready\n", "x.yaml:7: Pod default/web: status.conditions[0].status: is required" },

        // Nodes
        { "apiVersion: v1\nkind: Node\nmetadata:\n  name: n\nspec:\n  podCIDRs:\n  - 10.244.1.0\n", "x.yaml:7: Node n: spec.podCIDRs[0]: expected an address range such as 10.244.1.0/24, got \"10.244.1.0\"" },
        { "apiVersion: v1\nkind: Node\nmetadata:\n  name: n\nspec:\n  podCIDR: 10.244.1.0/33\n", "x.yaml:6: Node n: spec.podCIDR: expected an address range such as 10.244.1.0/24, got \"10.244.1.0/33\"" },
        { "apiVersion: v1\nkind: Node\nmetadata:\n  name: n\nstatus:\n  addresses:\n  - type: InternalIP\n    address: node\n", "x.yaml:8: Node n: status.addresses[0].address: expected an IP address, got \"node\"" },

        // Endpoint slices
        { SliceHead, "x.yaml:1: EndpointSlice default/web-1: addressType: is required" },
        { SliceHead + "addressType: ipv4\n", "x.yaml:5: EndpointSlice default/web-1: addressType: expected IPv4 or IPv6 or FQDN, got \"ipv4\"" },
        { SliceHead + "addressType: IPv4\nendpoints:\n- addresses: [\"fd00::1\"]\n", "x.yaml:7: EndpointSlice default/web-1: endpoints[0].addresses[0]: expected an IPv4 address, as addressType says, got \"fd00::1\"" },
        { SliceHead + "addressType: IPv4\nendpoints:\n- conditions: {ready: true}\n", "x.yaml:7: EndpointSlice default/web-1: endpoints[0].addresses: needs at least one address" },
        { SliceHead + "addressType: IPv4\nendpoints:\n- addresses: [10.0.0.1]\n  conditions: {ready: maybe}\n", "x.yaml:8: EndpointSlice default/web-1: endpoints[0].conditions.ready: expected true or false, got \"maybe\"" },
        { SliceHead + "addressType: IPv4\nports:\n- port: -1\n", "x.yaml:7: EndpointSlice default/web-1: ports[0].port: expected a number from 1 to 65535, got the number -1" },
    };

    public static TheoryData<string, string> Texts => new()
    {
        { "apiVersion: v1\nkind: Pod\nmetadata:\n\tname: web\n", "x.yaml:4: not valid YAML: a line is indented with a tab; only spaces may be used" },
        { "a: b: c\n", "x.yaml:1: not valid YAML: While scanning a plain scalar value, found invalid mapping" },
        { "a:\n  - b\n c: d\n", "x.yaml:3: not valid YAML: While parsing a block mapping, did not find expected key" },
        { "a: \"never closed\n", "x.yaml:1: not valid YAML: While scanning a quoted scalar, found unexpected end of stream" },
        { "a: 1\n---\nb: 2\nc: {\n---\nd: 1\n", "x.yaml:5: not valid YAML: While parsing a node, did not find expected node content" },
        { "a: *nobody\n", "x.yaml:1: not valid here: an alias (*) that names no anchor; a text that begins with * needs quotes" },
        { "a: &x\n  b: *x\n", "x.yaml:2: not valid here: an alias (*) that names what it stands in" },
        { "a: !secret x\n", "x.yaml:1: not valid here: a tag (!) that has no meaning in a manifest; a text that begins with ! needs quotes" },
        { "? [a, b]\n: c\n", "x.yaml:1: not valid here: a mapping's key must be a word, got a list" },
        { "a: {<<: 3}\n", "x.yaml:1: not valid here: << merges mappings, got the number 3" },
        { "a: " + new string('[', 70) + new string(']', 70) + "\n", "x.yaml:1: not valid here: mappings and lists stand more than 64 deep in one another" },
    };

    [Theory]
    [MemberData(nameof(Fields))]
    public void A_mistake_is_told_with_line_object_and_field(string yaml, string problem)
    {
        Assert.Equal([problem], Problems(yaml));
    }

    [Theory]
    [MemberData(nameof(Texts))]
    public void A_text_that_is_no_manifest_is_told_with_its_line(string yaml, string problem)
    {
        Assert.Contains(problem, Problems(yaml), StringComparer.Ordinal);
    }

    [Fact]
    public void A_policy_whose_kind_is_misspelt_is_told_and_refuses_what_it_might_have_refused()
    {
        ManifestFile file = Read("apiVersion: security.istio.io/v1alpha1\nkind: AuthorizationPolicies\nmetadata: {name: web}\nspec: {action: ALLOW, rules: [{}]}\n");

        Assert.Equal(
            [
                "x.yaml:2: AuthorizationPolicy default/web: kind: expected AuthorizationPolicy, got \"AuthorizationPolicies\"",
                "x.yaml:1: AuthorizationPolicy default/web: apiVersion: expected security.istio.io/v1 or security.istio.io/v1beta1, got \"security.istio.io/v1alpha1\"",
            ],
            file.Problems.Select(problem => problem.ToString()).ToArray());
        Assert.True(Assert.Single(file.Objects).Value.Object.StandsIn);
        Assert.Single(file.Broken);
    }

    [Theory]
    [InlineData("gateway.networking.k8s.io/v1alpha2", "UDPRoute")]
    [InlineData("gateway.networking.k8s.io/v1", "BackendTLSPolicy")]
    [InlineData("gateway.networking.k8s.io/v1", "ListenerSet")]
    [InlineData("networking.istio.io/v1", "Gateway")]
    [InlineData("networking.istio.io/v1", "VirtualService")]
    [InlineData("networking.istio.io/v1", "WorkloadGroup")]
    [InlineData("networking.istio.io/v1", "Sidecar")]
    [InlineData("networking.istio.io/v1alpha3", "EnvoyFilter")]
    [InlineData("networking.istio.io/v1beta1", "ProxyConfig")]
    [InlineData("extensions.istio.io/v1alpha1", "WasmPlugin")]
    [InlineData("v1", "ConfigMap")]
    [InlineData("v1", "Event")]
    [InlineData("v1", "Binding")]
    [InlineData("v1", "LimitRange")]
    [InlineData("v1", "ResourceQuota")]
    [InlineData("v1", "PersistentVolumeClaim")]
    [InlineData("v1", "ReplicationController")]
    [InlineData("serving.knative.dev/v1", "Service")]
    public void A_kind_that_there_is_and_that_is_not_read_is_none_of_ours_misspelt(string apiVersion, string kind)
    {
        ManifestFile file = Read($"apiVersion: {apiVersion}\nkind: {kind}\nmetadata: {{name: web}}\nspec: {{mod: 1}}\n");

        Assert.Empty(file.Problems);
        Assert.Single(file.UnknownKinds);
    }

    [Fact]
    public void Every_mistake_of_an_object_is_told_at_once()
    {
        string[] problems = Problems(PodHead + "spec:\n  hostNetwork: no way\n  containers: main\nstatus:\n  podIP: ten\n");

        Assert.Equal(
            [
                "x.yaml:6: Pod default/web: spec.hostNetwork: expected true or false, got \"no way\"",
                "x.yaml:7: Pod default/web: spec.containers: expected a list, got \"main\"",
                "x.yaml:9: Pod default/web: status.podIP: expected an IP address, got \"ten\"",
            ],
            problems);
    }

    [Fact]
    public void A_mistake_in_a_later_document_is_told_at_its_line_in_the_file()
    {
        string yaml = "# One\n" + Join(Namespace("a", "ambient"), Pod("web", "10.0.0.1"), Pod("bad", "ten"));

        Assert.Equal(["x.yaml:16: Pod default/bad: status.podIP: expected an IP address, got \"ten\""], Problems(yaml));
    }

    [Fact]
    public void A_mistake_costs_only_its_own_document()
    {
        ManifestFile file = Read(Join(Namespace("a", null), "kind: [\n", Namespace("b", null), "apiVersion: v1\nkind: Pod\n", Namespace("c", null)));

        Assert.Equal(["a", "b", "c"], file.Objects.Keys.Select(key => key.Name).ToArray());
        Assert.Equal(2, file.Problems.Count);
        Assert.True(file.HasUnnamed);
    }

    [Fact]
    public void An_object_twice_in_one_file_is_told_with_both_places_and_the_first_stays()
    {
        ManifestFile file = Read(Join(Pod("web", "10.0.0.1"), Pod("web", "10.0.0.2")));

        Assert.Equal("10.0.0.1", Assert.Single(Assert.IsType<PodObject>(Assert.Single(file.Objects).Value.Object).Addresses).ToString());
        Assert.Equal("x.yaml:7: Pod default/web: is already defined in x.yaml:1, which is used; this one is left out", Assert.Single(file.Problems).ToString());
    }

    [Fact]
    public void Text_that_is_not_utf8_is_told_with_its_line()
    {
        ManifestFile file = ManifestReader.Read("x.yaml", [.. "a: 1\nb: "u8, 0xff, 0xfe, .. "\n"u8]);

        Assert.Equal("x.yaml:2: not UTF-8 text", Assert.Single(file.Problems).ToString());
    }

    [Fact]
    public void A_message_is_one_line_whatever_the_manifest_holds()
    {
        string problem = Assert.Single(Problems("apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"a\\nb\\u001b[31m\"\n"));

        Assert.DoesNotContain(problem, char.IsControl);
    }
}
