using System.Net;
using System.Text.Json.Nodes;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests.Cluster;

/// <summary>What a platform engineer does with an installed mesh, and what goes wrong around it meanwhile.</summary>
[Collection(ClusterFixture.Name)]
public sealed class MeshInClusterTests(ClusterFixture fixture)
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private ClusterLab Lab => fixture.Lab;

    [Fact]
    public async Task Labelling_a_namespace_takes_the_running_pods_of_every_node_in_and_taking_the_label_off_takes_them_out()
    {
        await MakePair("pair", ambient: false);
        string before = await Identities("pair");
        (string curl, IPAddress server) = await FarServer("pair");
        Assert.False(await IsTlsOnTheWire("pair", curl, server));

        await Lab.Shell.Run("kubectl label namespace pair istio.io/dataplane-mode=ambient");
        await Lab.UntilEnrolled("pair");
        Assert.True(await IsTlsOnTheWire("pair", curl, server));

        await Lab.Shell.Run("kubectl label namespace pair istio.io/dataplane-mode-");
        await Lab.UntilEnrolled("pair", enrolled: false);
        Assert.False(await IsTlsOnTheWire("pair", curl, server));
        Assert.Equal(before, await Identities("pair"));
        await Lab.Shell.Run("kubectl delete namespace pair");
    }

    [Fact]
    public async Task A_gateway_that_is_applied_runs_and_is_programmed_with_an_address_and_goes_when_it_is_deleted()
    {
        await MakePair("shop", ambient: true);
        await Lab.Shell.Run("""
            kubectl apply -f - <<END
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: front, namespace: shop}
            spec:
              gatewayClassName: istio
              listeners: [{name: http, port: 80, protocol: HTTP}]
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {name: front, namespace: shop}
            spec:
              parentRefs: [{name: front}]
              rules: [{backendRefs: [{name: httpbin, port: 8000}]}]
            END
            """);
        await Lab.Explained(() => Lab.Shell.Run("kubectl wait --for=condition=Programmed gateway/front -n shop --timeout=60s"));
        await Lab.Explained(() => Lab.Shell.Until(
            "curl -sS -i http://$(kubectl get gtw front -n shop -o jsonpath='{.status.addresses[0].value}')/headers", "HTTP/1.1 200 OK", "server: istio-envoy"));

        // It ends by itself when its drain time is over: nobody kills it in ten minutes.
        string pod = (await Lab.Shell.Run("kubectl get pods -n shop -l gateway.networking.k8s.io/gateway-name=front -o name")).Trim();
        await Lab.Explained(() => Lab.Shell.Run($"kubectl delete -n shop {pod} --grace-period=600 --timeout=120s"));
        await Lab.UntilReady("shop", "front-istio");

        await Lab.Shell.Run("kubectl delete gateway front -n shop --timeout=60s");
        await MeshLab.Eventually("nothing of the gateway to be left", async () => !(await Lab.Shell.Run(
            "kubectl get deployments,replicasets,pods,services,serviceaccounts -n shop -o name")).Contains("front", StringComparison.Ordinal));
        await Lab.Shell.Run("kubectl delete namespace shop");
    }

    [Fact]
    public async Task A_pod_that_sends_at_its_first_instruction_sends_nothing_before_it_is_in_the_mesh()
    {
        await MakePair("early", ambient: true);
        await Lab.UntilEnrolled("early");
        IPAddress server = Lab.Cluster.Network.Pods.Single(pod =>
            pod.Namespace == "early" && pod.Name.StartsWith("httpbin", StringComparison.Ordinal) && pod.Plan.Node == "b").IPv4;
        await using PacketCapture capture = await Lab.Cluster.Network.Capture("b");
        List<IPAddress> senders = [];
        for (int round = 0; round < 5; round++)
        {
            await Lab.Shell.Run($$"""
                kubectl apply -n early -f - <<END
                apiVersion: v1
                kind: Pod
                metadata: {name: first-{{round}}}
                spec:
                  nodeSelector: {kubernetes.io/hostname: a}
                  restartPolicy: Never
                  automountServiceAccountToken: false
                  containers:
                  - name: first
                    image: busybox
                    command: [bash, -c, "exec 3<>/dev/tcp/{{server}}/8080; printf 'GET /status/418 HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"]
                END
                """);
            await Lab.Explained(() => Lab.Shell.Until($"kubectl get pod first-{round} -n early -o jsonpath='{{.status.phase}}'", "Succeeded"));
            Assert.Contains("teapot", Lab.Cluster.Logs("early", $"first-{round}"), StringComparison.Ordinal);
            senders.AddRange(Lab.Cluster.Pod("early", $"first-{round}").Addresses);
        }

        LinkTraffic traffic = await capture.Stop();
        TcpStream[] theirs = [.. traffic.Streams.Where(stream => senders.Contains(stream.Source.Address))];
        Assert.NotEmpty(theirs);
        Assert.All(theirs, stream => Assert.True(stream.Destination.Port == 15008 && stream.IsTls(), $"{stream.Source} to {stream.Destination}"));
        await Lab.Shell.Run("kubectl delete namespace early");
    }

    [Fact]
    public async Task While_the_api_server_is_away_nothing_breaks_and_what_changed_meanwhile_arrives()
    {
        await MakePair("steady", ambient: true);
        await Lab.UntilEnrolled("steady");
        string curl = await Lab.PodOf("steady", "curl");
        using (Lab.Cluster.Front.GoAway())
        {
            string answers = (await Loop("steady", curl, times: 60)).Output;
            Assert.Equal(60, answers.Split('\n', StringSplitOptions.RemoveEmptyEntries).Count(line => line == "200"));
            // The one who changes it is not cut off from the server.
            await Lab.Cluster.Api.Create("apis/security.istio.io/v1/namespaces/steady/authorizationpolicies", new JsonObject
            {
                ["apiVersion"] = "security.istio.io/v1",
                ["kind"] = "AuthorizationPolicy",
                ["metadata"] = new JsonObject { ["name"] = "nobody", ["namespace"] = "steady" },
                ["spec"] = new JsonObject(),
            }, Cancelled);
        }

        await Lab.Explained(() => Until("nobody to be let in", async () => !(await Loop("steady", curl, times: 1)).Output.Contains("200", StringComparison.Ordinal)));
        await Lab.Shell.Run("kubectl delete authorizationpolicy nobody -n steady");
        await Lab.Explained(() => Until("all to be let in", async () => (await Loop("steady", curl, times: 1)).Output.Contains("200", StringComparison.Ordinal)));
        await Lab.Shell.Run("kubectl delete namespace steady");
    }

    [Fact]
    public async Task When_the_controller_that_leads_is_killed_another_takes_over()
    {
        const string Leader = "kubectl get lease ztunnel-controller -n istio-system -o jsonpath='{.spec.holderIdentity}'";
        string holder = await Lab.Shell.Run(Leader);
        string[] controllers = (await Lab.Shell.Run("kubectl get pods -n istio-system -l app=ztunnel-controller -o jsonpath='{.items[*].metadata.name}'")).Split(' ');
        string pod = Assert.Single(controllers, name => holder.StartsWith(name, StringComparison.Ordinal));
        await Lab.Cluster.Kill("istio-system", pod);

        await Lab.Explained(() => Until("another leader", async () => await Lab.Shell.Run(Leader) != holder));
        await Lab.Shell.Run("kubectl create namespace after");
        await Lab.Shell.Run("""
            kubectl apply -f - <<END
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: late, namespace: after}
            spec:
              gatewayClassName: istio-waypoint
              listeners: [{name: mesh, port: 15008, protocol: HBONE}]
            END
            """);
        await Lab.Explained(() => Lab.Shell.Run("kubectl wait --for=condition=Programmed gateway/late -n after --timeout=80s"));
        await Lab.Shell.Run("kubectl delete namespace after");
    }

    [Fact]
    public async Task An_update_of_the_agents_fails_no_request()
    {
        await MakePair("rolling", ambient: true);
        await Lab.UntilEnrolled("rolling");
        string curl = await Lab.PodOf("rolling", "curl");
        await Lab.Shell.Run("kubectl rollout restart daemonset/ztunnel -n istio-system");
        Task<string> rolled = Lab.Explained(() => Lab.Shell.Run("kubectl rollout status daemonset/ztunnel -n istio-system --timeout=80s"));
        List<string> answers = [];
        do
            answers.AddRange((await Loop("rolling", curl, times: 20)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        while (!rolled.IsCompleted);

        await rolled;
        answers.AddRange((await Loop("rolling", curl, times: 20)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.All(answers, answer => Assert.Equal("200", answer));
        await Lab.Shell.Run("kubectl delete namespace rolling");
    }

    [Fact]
    public async Task A_pod_made_again_under_its_old_name_is_reached_and_in_the_mesh_each_time()
    {
        await MakePair("churn", ambient: true);
        await Lab.UntilEnrolled("churn");
        string curl = await Lab.PodOf("churn", "curl");
        List<string> uids = [];
        for (int round = 0; round < 4; round++)
        {
            await Lab.Shell.Run("""
                kubectl apply -n churn -f - <<END
                apiVersion: v1
                kind: Pod
                metadata: {name: db-0, labels: {app: db}}
                spec:
                  terminationGracePeriodSeconds: 0
                  containers: [{name: httpbin, image: httpbin, readinessProbe: {httpGet: {path: /status/200, port: 8080}}}]
                ---
                apiVersion: v1
                kind: Service
                metadata: {name: db}
                spec: {selector: {app: db}, ports: [{name: http, port: 80, targetPort: 8080}]}
                END
                kubectl wait --for=condition=Ready pod/db-0 -n churn --timeout=60s
                """);
            uids.Add(await Lab.Shell.Run("kubectl get pod db-0 -n churn -o jsonpath='{.metadata.uid}'"));
            await Lab.Explained(() => Lab.Shell.Until(
                $"kubectl exec {curl} -n churn -- curl -sS --max-time 5 -o /dev/null -w '%{{http_code}}' http://db/get", "200"));
            await Lab.UntilEnrolled("churn");
            await Lab.Shell.Run("kubectl delete pod db-0 -n churn --timeout=60s");
        }

        Assert.Equal(4, uids.Distinct(StringComparer.Ordinal).Count());
        await Lab.Shell.Run("kubectl delete namespace churn");
    }

    [Fact]
    public async Task A_mesh_that_is_deleted_as_it_was_applied_keeps_no_pod_from_starting_and_may_be_applied_again()
    {
        await Lab.Shell.Run("kubectl create namespace after-mesh && kubectl label namespace after-mesh istio.io/dataplane-mode=ambient");
        try
        {
            await Lab.Explained(() => Lab.Shell.Run($"kubectl delete --ignore-not-found -f {ClusterLab.Manifests} --timeout=240s"));
            foreach (string node in (string[])["a", "b"])
            {
                await Lab.Shell.Run($$"""
                    kubectl apply -n after-mesh -f - <<END
                    apiVersion: v1
                    kind: Pod
                    metadata: {name: late-{{node}}}
                    spec:
                      nodeSelector: {kubernetes.io/hostname: {{node}}}
                      containers: [{name: main, image: busybox, command: [sleep, infinity]}]
                    END
                    """);
                await Lab.Explained(() => Lab.Shell.Run($"kubectl wait --for=condition=Ready pod/late-{node} -n after-mesh --timeout=60s"));
            }
        }
        finally
        {
            await Lab.Apply();
        }

        // The next agents take in what runs.
        await Lab.UntilEnrolled("after-mesh");
        await Lab.Shell.Run("kubectl delete namespace after-mesh");
    }

    /// <summary>httpbin on both nodes and curl on one.</summary>
    private async Task MakePair(string @namespace, bool ambient)
    {
        Lab.Fetch("samples");
        await Lab.Shell.Run($"""
            kubectl create namespace {@namespace}
            {(ambient ? $"kubectl label namespace {@namespace} istio.io/dataplane-mode=ambient" : "")}
            kubectl apply -n {@namespace} -f httpbin.yaml -f curl.yaml
            kubectl scale -n {@namespace} deployment/httpbin --replicas=2
            """);
        await Lab.UntilReady(@namespace, "httpbin");
        await Lab.UntilReady(@namespace, "curl");
    }

    /// <summary>The client, and the address of the server on the other node.</summary>
    private async Task<(string Curl, IPAddress Server)> FarServer(string @namespace)
    {
        string curl = await Lab.PodOf(@namespace, "curl");
        string node = Lab.Cluster.Pod(@namespace, curl).Plan.Node;
        LabPod server = Lab.Cluster.Network.Pods.Single(pod =>
            pod.Namespace == @namespace && pod.Name.StartsWith("httpbin", StringComparison.Ordinal) && pod.Plan.Node != node);
        return (curl, server.IPv4);
    }

    private Task<string> Identities(string @namespace) => Lab.Shell.Run(
        $"kubectl get pods -n {@namespace} -o jsonpath='{{range .items[*]}}{{.metadata.uid}} {{.status.containerStatuses[0].restartCount}}{{\"\\n\"}}{{end}}'");

    private async Task<bool> IsTlsOnTheWire(string @namespace, string curl, IPAddress server)
    {
        await using PacketCapture capture = await Lab.Cluster.Network.Capture("b");
        await Lab.Explained(() => Lab.Shell.Until($"kubectl exec {curl} -n {@namespace} -- curl -sS --max-time 5 -i http://{server}:8080/headers", "200 OK"));
        LinkTraffic traffic = await capture.Stop();
        IPAddress client = Lab.Cluster.Pod(@namespace, curl).IPv4;
        TcpStream[] theirs = [.. traffic.Streams.Where(stream => stream.Source.Address.Equals(client) && stream.Destination.Address.Equals(server))];
        Assert.NotEmpty(theirs);
        return theirs.All(stream => stream.Destination.Port == 15008 && stream.IsTls());
    }

    /// <summary>Asks httpbin so often, from within the pod so that kubectl and the API server are not in the way.</summary>
    private Task<ProcessResult> Loop(string @namespace, string curl, int times) => Lab.Cluster.Exec(
        @namespace, curl, "bash", "-c",
        $"for i in $(seq {times}); do curl -sS --max-time 10 -o /dev/null -w '%{{http_code}}\\n' http://httpbin:8000/get; done");

    private static async Task<bool> Until(string what, Func<Task<bool>> met)
    {
        await MeshLab.Eventually(what, met, TimeSpan.FromSeconds(60));
        return true;
    }
}
