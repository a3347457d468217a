using System.Collections.Immutable;
using Ztunnel.IO;
using Ztunnel.Testing.Cluster;

namespace Ztunnel.EndToEnd.Tests.Cluster;

/// <summary>The cluster that the other tests stand on: that its stand-ins do what the real ones would.</summary>
public sealed class StandInTests
{
    private const string Httpbin = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: httpbin}
        spec:
          replicas: 2
          selector: {matchLabels: {app: httpbin}}
          template:
            metadata: {labels: {app: httpbin}}
            spec:
              terminationGracePeriodSeconds: 5
              containers:
              - name: httpbin
                image: docker.io/mccutchen/go-httpbin:v2.15.0
                ports: [{name: web, containerPort: 8080}]
                readinessProbe: {httpGet: {path: /status/200, port: web}}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: httpbin}
        spec:
          type: LoadBalancer
          selector: {app: httpbin}
          ports: [{name: http, port: 8000, targetPort: web}]
        """;

    private const string Curl = """
        apiVersion: v1
        kind: Pod
        metadata: {name: curl, labels: {app: curl}}
        spec:
          automountServiceAccountToken: false
          terminationGracePeriodSeconds: 0
          containers:
          - name: curl
            image: curlimages/curl
            command: [sleep, infinity]
            env:
            - {name: WHERE, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
        """;

    [Fact]
    public async Task A_deployment_runs_on_both_nodes_and_is_reached_by_name_by_cluster_address_and_from_outside()
    {
        await using LabCluster cluster = await Start();
        await cluster.Kubectl(Httpbin, ["apply", "-f", "-"]);
        await cluster.Kubectl(Curl, ["apply", "-f", "-"]);
        await cluster.Kubectl("rollout", "status", "deployment/httpbin", "--timeout=60s");
        await cluster.Kubectl("wait", "--for=condition=Ready", "pod/curl", "--timeout=60s");

        Assert.Equal("a b", await cluster.Kubectl("get", "pods", "-l", "app=httpbin", "--sort-by=.spec.nodeName", "-o", "jsonpath={.items[*].spec.nodeName}"));
        string clusterIp = await Answer(cluster, "{.spec.clusterIP}");
        foreach (string host in (string[])["httpbin", "httpbin.default.svc.cluster.local", clusterIp])
            Assert.Equal("200", await Status(cluster, host));
        string outside = await Answer(cluster, "{.status.loadBalancer.ingress[0].ip}");
        ProcessResult fromOutside = await cluster.Outside.Exec("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", $"http://{outside}:8000/get");
        Assert.Equal("200", fromOutside.Output);
        Assert.Equal($"{cluster.Pod("default", "curl").IPv4}", (await cluster.Kubectl("exec", "curl", "--", "sh", "-c", "tr '\\0' '\\n' < /proc/1/environ | sed -n s/^WHERE=//p")).Trim());
    }

    [Fact]
    public async Task A_pod_that_is_deleted_ends_in_good_order_and_another_takes_its_place()
    {
        await using LabCluster cluster = await Start();
        await cluster.Kubectl(Httpbin, ["apply", "-f", "-"]);
        await cluster.Kubectl("rollout", "status", "deployment/httpbin", "--timeout=60s");
        string[] before = await Names(cluster);

        await cluster.Kubectl("delete", "pod", before[0], "--timeout=60s");
        await cluster.Kubectl("rollout", "status", "deployment/httpbin", "--timeout=60s");
        await MeshLab.Eventually("two pods again", async () => (await Names(cluster)).Length == 2);
        Assert.DoesNotContain(before[0], await Names(cluster), StringComparer.Ordinal);
        Assert.Contains(before[1], await Names(cluster), StringComparer.Ordinal);

        await cluster.Kubectl("patch", "deployment", "httpbin", "--type=json", "-p", """[{"op": "add", "path": "/spec/template/metadata/annotations", "value": {"version": "2"}}]""");
        await cluster.Kubectl("rollout", "status", "deployment/httpbin", "--timeout=60s");
        await MeshLab.Eventually("the old pods to be gone", async () => (await Names(cluster)).Length == 2);
        Assert.Empty(before.Intersect(await Names(cluster), StringComparer.Ordinal));

        await cluster.Kubectl("delete", "deployment", "httpbin", "--timeout=60s");
        await MeshLab.Eventually("nothing to run", () => Task.FromResult(!cluster.RunningPods.Any() && cluster.Network.Pods.IsEmpty));
    }

    [Fact]
    public async Task A_container_that_ends_is_started_again_and_one_without_an_image_says_so()
    {
        await using LabCluster cluster = await Start();
        await cluster.Kubectl(
            """
            apiVersion: v1
            kind: Pod
            metadata: {name: crashing}
            spec:
              automountServiceAccountToken: false
              containers:
              - {name: once, image: busybox, command: [sh, -c, "exit 3"]}
              - {name: unknown, image: nowhere.example/nothing:1}
            """,
            ["apply", "-f", "-"]);

        await MeshLab.Eventually("restarts", async () =>
            await cluster.Kubectl("get", "pod", "crashing", "-o", "jsonpath={.status.containerStatuses[?(@.name==\"once\")].restartCount}") is { Length: > 0 } count
            && int.Parse(count, System.Globalization.CultureInfo.InvariantCulture) >= 2);
        Assert.Contains("there is no image nowhere.example/nothing:1", await cluster.Kubectl("get", "pod", "crashing", "-o", "yaml"), StringComparison.Ordinal);
    }

    private static Task<LabCluster> Start() => LabCluster.Start(new ImageTable(), ImmutableDictionary<string, string>.Empty, "a", "b");

    private static async Task<string[]> Names(LabCluster cluster) =>
        (await cluster.Kubectl("get", "pods", "-l", "app=httpbin", "-o", "jsonpath={.items[*].metadata.name}")).Split(' ');

    private static async Task<string> Answer(LabCluster cluster, string path)
    {
        string answer = "";
        await MeshLab.Eventually(path, async () => (answer = await cluster.Kubectl("get", "service", "httpbin", "-o", $"jsonpath={path}")).Length > 0);
        return answer;
    }

    private static Task<string> Status(LabCluster cluster, string host) =>
        cluster.Kubectl("exec", "curl", "--", "curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", $"http://{host}:8000/get");
}
