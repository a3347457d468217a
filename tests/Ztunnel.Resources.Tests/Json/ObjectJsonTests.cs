using System.Text;
using System.Text.Json;
using Ztunnel.Mesh;

namespace Ztunnel.Resources.Tests.Json;

public sealed class ObjectJsonTests
{
    private const string Pod = """
        {"metadata":{"name":"web-5d4f8c7b9-x2x7v","generateName":"web-5d4f8c7b9-","namespace":"default","uid":"8a0c1b52-6f1d-4a52-9a43-6a5d8d0f8a11",
          "resourceVersion":"123456","generation":1,"creationTimestamp":"2026-03-01T10:00:00Z",
          "labels":{"app":"web","pod-template-hash":"5d4f8c7b9","istio.io/dataplane-mode":"ambient"},
          "annotations":{"ambient.istio.io/redirection":"enabled","ztunnel.io/network-namespace":"../../proc/1/ns/net","note":"a: b"},
          "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-5d4f8c7b9","uid":"u","controller":true,"blockOwnerDeletion":true}],
          "managedFields":[{"manager":"kube-controller-manager","operation":"Update","apiVersion":"v1","time":"2026-03-01T10:00:00Z","fieldsType":"FieldsV1",
            "fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app":{}}}}}]},
         "spec":{"volumes":[{"name":"kube-api-access-abcde","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,"path":"token"}}],"defaultMode":420}}],
          "initContainers":[{"name":"init","image":"busybox","resources":{},"restartPolicy":"Always","imagePullPolicy":"Always"}],
          "containers":[{"name":"web","image":"nginx:1.27","args":["-g","daemon off;"],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],
            "env":[{"name":"PASSWORD","value":"hunter2"},{"name":"IP","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"status.podIP"}}}],
            "resources":{"limits":{"cpu":"1","memory":"128Mi"}},"volumeMounts":[{"name":"kube-api-access-abcde","readOnly":true,"mountPath":"/x"}],
            "livenessProbe":{"httpGet":{"path":"/","port":8080,"scheme":"HTTP"},"timeoutSeconds":1,"periodSeconds":10},
            "terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File","imagePullPolicy":"IfNotPresent","fieldOfTheYear2030":{"a":1}}],
          "restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst","serviceAccountName":"web","serviceAccount":"web",
          "nodeName":"node-a","securityContext":{"runAsUser":1000},"schedulerName":"default-scheduler","fieldOfTheYear2030":true,
          "tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}],
          "priority":0,"enableServiceLinks":true,"preemptionPolicy":"PreemptLowerPriority"},
         "status":{"phase":"Running","observedGeneration":1,"conditions":[{"type":"PodReadyToStartContainers","status":"True","lastProbeTime":null},
            {"type":"Ready","status":"True","lastProbeTime":null,"lastTransitionTime":"2026-03-01T10:00:10Z"}],
          "hostIP":"172.18.0.2","hostIPs":[{"ip":"172.18.0.2"}],"podIP":"10.244.1.7","podIPs":[{"ip":"10.244.1.7"},{"ip":"fd00:10:244:1::7"}],
          "startTime":"2026-03-01T10:00:00Z","qosClass":"Burstable","containerStatuses":[{"name":"web","state":{"running":{"startedAt":"2026-03-01T10:00:05Z"}},
            "lastState":{},"ready":true,"restartCount":0,"image":"nginx:1.27","imageID":"sha256:abc","containerID":"containerd://abc","started":true}]}}
        """;

    [Fact]
    public void A_pod_of_a_server_is_read_although_it_has_every_field_and_newer_ones()
    {
        JsonReading reading = Read(ObjectKind.Pod, Pod);
        Assert.Empty(reading.Problems);
        var pod = Assert.IsType<PodObject>(reading.Object);
        Assert.Equal("8a0c1b52-6f1d-4a52-9a43-6a5d8d0f8a11", pod.Metadata.Uid);
        Assert.Equal(("node-a", "web", true, true), (pod.NodeName, pod.ServiceAccount, pod.Ready, pod.IsRedirected));
        Assert.Equal(["10.244.1.7", "fd00:10:244:1::7"], pod.Addresses.Select(address => address.ToString()), StringComparer.Ordinal);
        Assert.Equal(["web", "init"], pod.Containers.Select(container => container.Name), StringComparer.Ordinal);
        Assert.Equal(new ContainerPort("http", 8080, TransportProtocol.Tcp), Assert.Single(pod.Containers[0].Ports));
    }

    [Fact]
    public void What_a_pod_runs_is_not_kept_and_its_word_on_its_namespace_is_not_believed()
    {
        var pod = (PodObject)Read(ObjectKind.Pod, Pod).Object!;
        Assert.DoesNotContain("hunter2", pod.ToString(), StringComparison.Ordinal);
        Assert.Equal(StringMap.Empty, pod.Containers[0].Environment);
        Assert.Null(pod.Metadata.Annotations[PodObject.NetworkNamespaceAnnotation]);
        Assert.Equal("a: b", pod.Metadata.Annotations["note"]);
    }

    public static TheoryData<string> Documents()
    {
        var files = new TheoryData<string>();
        foreach (string file in Directory.EnumerateFiles(Repository.Path("../deploy"), "*.yaml", SearchOption.AllDirectories)
            .Where(file => !file.Contains("/helm/", StringComparison.Ordinal)).Order(StringComparer.Ordinal))
            files.Add(Path.GetRelativePath(Repository.Path("../deploy"), file));
        return files;
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void An_object_is_the_same_from_json_as_from_yaml(string file)
    {
        foreach ((string part, _) in YamlText.Split(File.ReadAllText(Repository.Path($"../deploy/{file}"))))
        {
            ManifestFile manifest = ManifestReader.Read("x.yaml", Encoding.UTF8.GetBytes(part));
            foreach ((KubernetesObject expected, _) in manifest.Objects.Values.Where(entry => !part.Contains("kind: List", StringComparison.Ordinal)))
            {
                JsonReading reading = Read(expected.Kind, ManifestJson.Parse(part)!.ToJsonString());
                Assert.Empty(reading.Problems);
                Assert.Equal(expected is PodObject pod ? Served(pod) : expected, reading.Object);
            }
        }

        static PodObject Served(PodObject pod)
        {
            PodObject bare = pod.WithoutPrograms();
            IEnumerable<KeyValuePair<string, string>> annotations =
                bare.Metadata.Annotations.Entries.Where(entry => entry.Key is not PodObject.NetworkNamespaceAnnotation);
            return bare with { Metadata = bare.Metadata with { Annotations = new(annotations) } };
        }
    }

    [Fact]
    public void A_field_that_is_not_known_costs_nothing_but_a_policy()
    {
        const string Service = """{"metadata":{"name":"a","namespace":"b"},"spec":{"ports":[{"port":80,"prot":1}],"newField":{"x":[1]},"slector":{}}}""";
        Assert.Empty(Read(ObjectKind.Service, Service).Problems);
        const string Policy = """{"metadata":{"name":"a","namespace":"b","newField":1},"spec":{"action":"DENY","rules":[{"to":[{"operation":{"ports":["1"],"prots":["1"]}}]}]}}""";
        JsonReading reading = Read(ObjectKind.AuthorizationPolicy, Policy);
        Assert.True(reading.HasMistakes);
        ResourceProblem problem = Assert.Single(reading.Problems);
        Assert.Equal(("kubernetes", "AuthorizationPolicy b/a", 0), (problem.Source, problem.Object, problem.Line));
        Assert.StartsWith("kubernetes: AuthorizationPolicy b/a: spec.rules[0].to[0].operation.prots:", problem.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_policy_with_a_mistake_has_something_stand_in_for_it()
    {
        JsonReading reading = Read(ObjectKind.AuthorizationPolicy, """{"metadata":{"name":"a","namespace":"b"},"spec":{"action":"ALOW"}}""");
        Assert.True(reading.Object is { StandsIn: true });
        Assert.Equal(new ObjectKey(ObjectKind.AuthorizationPolicy, "b", "a"), reading.Key);
    }

    [Theory]
    [InlineData("""{"a":"yes","b":"1","c":"null"}""")]
    public void Text_stays_text_whatever_it_looks_like(string labels)
    {
        JsonReading reading = Read(ObjectKind.Namespace, $$$"""{"metadata":{"name":"a","labels":{{{labels}}}}}""");
        Assert.Empty(reading.Problems);
        Assert.Equal("null", reading.Object!.Metadata.Labels["c"]);
    }

    [Fact]
    public void A_target_port_that_only_looks_mistyped_is_taken_as_the_server_took_it()
    {
        const string Service = """{"metadata":{"name":"a","namespace":"b"},"spec":{"ports":[{"port":80,"targetPort":"80a0"}]}}""";
        Assert.Empty(Read(ObjectKind.Service, Service).Problems);
    }

    [Fact]
    public void The_versions_of_a_kind_are_known()
    {
        Assert.Equal(["v1", "v1alpha3", "v1alpha2"], ObjectJson.VersionsOf(ObjectKind.TlsRoute), StringComparer.Ordinal);
        Assert.Equal(["v1"], ObjectJson.VersionsOf(ObjectKind.Pod), StringComparer.Ordinal);
    }

    private static JsonReading Read(ObjectKind kind, string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return ObjectJson.Read(kind, document.RootElement, "kubernetes");
    }
}
