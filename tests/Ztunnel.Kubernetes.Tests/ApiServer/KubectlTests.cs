using System.Text.RegularExpressions;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>The real kubectl finds in the server what it is used to.</summary>
public sealed partial class KubectlTests
{
    private const string Deployment = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: { name: web, labels: { app: web } }
        spec:
          selector: { matchLabels: { app: web } }
          template:
            metadata: { labels: { app: web } }
            spec:
              containers:
              - name: web
                image: nginx:1
                ports: [{ containerPort: 80 }]
                env: [{ name: MODE, value: before }]
        """;

    private const string Gateway = """
        apiVersion: gateway.networking.k8s.io/v1beta1
        kind: Gateway
        metadata: { name: waypoint, namespace: default }
        spec:
          gatewayClassName: istio-waypoint
          listeners: [{ name: mesh, port: 15008, protocol: HBONE }]
        """;

    private const string Programmed = """
        {"status":{"conditions":[
            {"type":"Programmed","status":"True","reason":"Programmed","message":"","lastTransitionTime":"2024-01-01T00:00:00Z"}]}}
        """;

    // Up to 1.29 kubectl knows SPDY alone, and later ones when told.
    [Theory]
    [InlineData("false")]
    [InlineData("true")]
    public async Task Exec_runs_a_command_and_brings_all_that_it_writes_and_its_code(string webSockets)
    {
        await using Kubectl kubectl = await Kubectl.Start();
        kubectl.Variables["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"] = webSockets;
        await kubectl.Run("apply -f -", """
            apiVersion: v1
            kind: Pod
            metadata: { name: web }
            spec: { containers: [{ name: web, image: nginx:1 }] }
            """);
        string much = string.Join('\n', Enumerable.Range(0, 30_000));
        kubectl.Server.Exec = (command, _) => Task.FromResult(command.Command[0] == "cat"
            ? new PodCommandResult(0, $"{command.Namespace} {command.Pod} {string.Join(',', command.Command)} {much}", "")
            : new PodCommandResult(7, "", "no such thing\n"));
        Assert.Equal($"default web cat,a b {much}", await kubectl.Run("exec web -- cat 'a b'"));
        string refused = await kubectl.Fail("exec web -- dog");
        Assert.Contains("no such thing", refused, StringComparison.Ordinal);
        Assert.Contains("exit code 7", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Apply_creates_then_changes_then_leaves_alone()
    {
        await using Kubectl kubectl = await Kubectl.Start();
        Assert.Equal("deployment.apps/web created", await kubectl.Run("apply -f -", Deployment));
        Assert.Equal("deployment.apps/web unchanged", await kubectl.Run("apply -f -", Deployment));
        // What somebody else adds to a list that is a map stays.
        await kubectl.Run("set env deployment/web EXTRA=1");
        string next = Deployment.Replace("nginx:1", "nginx:2", StringComparison.Ordinal);
        Assert.Equal("deployment.apps/web configured", await kubectl.Run("apply -f -", next));
        Assert.Equal(
            "nginx:2 MODE EXTRA",
            await kubectl.Run("get deploy web -o 'jsonpath={.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[*].name}'"));

        Assert.Equal("gateway.gateway.networking.k8s.io/waypoint created", await kubectl.Run("apply -f -", Gateway));
        // What the server filled in looks like a difference to kubectl, and is none.
        string before = await kubectl.Run("get gtw waypoint -o 'jsonpath={.metadata.resourceVersion} {.metadata.generation}'");
        await kubectl.Run("apply -f -", Gateway);
        Assert.Equal(before, await kubectl.Run("get gtw waypoint -o 'jsonpath={.metadata.resourceVersion} {.metadata.generation}'"));
        Assert.Equal(
            "gateway.gateway.networking.k8s.io/waypoint configured",
            await kubectl.Run("apply -f -", Gateway.Replace("mesh", "tunnel", StringComparison.Ordinal)));
        Assert.Equal("2", await kubectl.Run("get gtw waypoint -o 'jsonpath={.metadata.generation}'"));
    }

    [Fact]
    public async Task Apply_on_the_servers_side_says_who_is_in_the_way()
    {
        await using Kubectl kubectl = await Kubectl.Start();
        Assert.Equal("deployment.apps/web serverside-applied", await kubectl.Run("apply --server-side -f -", Deployment));
        string other = Deployment.Replace("nginx:1", "nginx:2", StringComparison.Ordinal);
        string conflict = await kubectl.Fail("apply --server-side --field-manager=other -f -", other);
        Assert.Contains("Apply failed with 1 conflict: conflict with \"kubectl\"", conflict);
        Assert.Contains(".spec.template.spec.containers[name=\"web\"].image", conflict);
        await kubectl.Run("apply --server-side --field-manager=other --force-conflicts -f -", other);
        Assert.Equal("nginx:2", await kubectl.Run("get deploy web -o 'jsonpath={.spec.template.spec.containers[0].image}'"));
        Assert.Equal("deployment.apps/web serverside-applied (server dry run)", await kubectl.Run("apply --server-side --field-manager=other --dry-run=server -f -", other));
    }

    [Fact]
    public async Task Labels_annotations_patches_and_edits_are_taken()
    {
        await using Kubectl kubectl = await Kubectl.Start();
        await kubectl.Run("apply -f -", Deployment);
        Assert.StartsWith("namespace/default ", await kubectl.Run("label ns default istio.io/dataplane-mode=ambient"));
        Assert.Contains("istio.io/dataplane-mode=ambient", await kubectl.Run("get ns default --show-labels"));
        Assert.Contains("default", await kubectl.Run("get ns -l istio.io/dataplane-mode=ambient"));
        await kubectl.Run("label ns default istio.io/dataplane-mode-");
        Assert.DoesNotContain("dataplane-mode", await kubectl.Run("get ns default --show-labels"));
        await kubectl.Run("annotate deploy web note=here");
        Assert.Equal("here", await kubectl.Run("get deploy web -o 'jsonpath={.metadata.annotations.note}'"));
        await kubectl.Run("patch deploy web -p '{\"spec\":{\"replicas\":3}}'");
        await kubectl.Run("patch deploy web --type=json -p '[{\"op\":\"add\",\"path\":\"/metadata/labels/x\",\"value\":\"y\"}]'");
        await kubectl.Run("patch deploy web --type=merge -p '{\"metadata\":{\"labels\":{\"z\":\"w\"}}}'");
        Assert.Equal("3 y w", await kubectl.Run("get deploy web -o 'jsonpath={.spec.replicas} {.metadata.labels.x} {.metadata.labels.z}'"));
        await kubectl.Run("scale deploy web --replicas=5");
        Assert.Equal("5", await kubectl.Run("get deploy web -o 'jsonpath={.spec.replicas}'"));
        Assert.Contains("edited", await kubectl.Run("edit deploy web"));
        Assert.Equal("after", await kubectl.Run("get deploy web -o 'jsonpath={.spec.template.spec.containers[0].env[0].value}'"));
    }

    [Fact]
    public async Task Tables_are_the_servers()
    {
        await using Kubectl kubectl = await Kubectl.Start();
        kubectl.Server.Put("""
            apiVersion: v1
            kind: Pod
            metadata: { name: p, namespace: shop, labels: { app: p } }
            spec: { nodeName: node-a, containers: [{ name: c, image: i }] }
            status:
              phase: Running
              podIPs: [{ ip: 10.1.2.3 }]
              containerStatuses: [{ name: c, ready: true, restartCount: 2, state: { running: {} } }]
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: { name: g, namespace: shop }
            spec: { gatewayClassName: istio, listeners: [] }
            status: { addresses: [{ value: 10.9.9.9 }], conditions: [{ type: Programmed, status: "True" }] }
            ---
            apiVersion: v1
            kind: Service
            metadata: { name: s, namespace: shop }
            spec: { type: ClusterIP, clusterIP: 10.96.0.10, ports: [{ port: 80, protocol: TCP }], selector: { app: p } }
            """);
        Assert.Equal(["NAME READY STATUS RESTARTS AGE", "p 1/1 Running 2 AGE"], Rows(await kubectl.Run("get pods -n shop")));
        Assert.Equal(
            ["NAMESPACE NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES", "shop p 1/1 Running 2 AGE 10.1.2.3 node-a <none> <none>"],
            Rows(await kubectl.Run("get pods -A -o wide")));
        Assert.Equal(["NAME CLASS ADDRESS PROGRAMMED AGE", "g istio 10.9.9.9 True AGE"], Rows(await kubectl.Run("get gtw -n shop")));
        Assert.Equal(
            ["NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR", "s ClusterIP 10.96.0.10 <none> 80/TCP AGE app=p"],
            Rows(await kubectl.Run("get svc -n shop -o wide")));
        Assert.Equal("pod/p", await kubectl.Run("get pods -A -o name --field-selector spec.nodeName=node-a,status.phase=Running"));
        Assert.Equal("", await kubectl.Run("get pods -A -o name -l app!=p"));
        Assert.Contains("pod/p", await kubectl.Run("get all -n shop"));
        Assert.Contains("nodeName: node-a", await kubectl.Run("get pod p -n shop -o yaml"));
        Assert.Contains("10.1.2.3", await kubectl.Run("describe pod p -n shop"));
    }

    [Fact]
    public async Task Kinds_and_their_definitions_are_found()
    {
        await using Kubectl kubectl = await Kubectl.Start(new ApiServerOptions { GatewayApiVersion = "v0.6.0" });
        string kinds = await kubectl.Run("api-resources");
        Assert.Matches(@"(?m)^gateways +gtw +gateway\.networking\.k8s\.io/v1 +true +Gateway", kinds);
        Assert.Matches(@"(?m)^gateways +gw +networking\.istio\.io/v1 +true +Gateway", kinds);
        string definitions = await kubectl.Run("get crds");
        Assert.Matches(@"(?m)^gateways\.gateway\.networking\.k8s\.io +[0-9-]+T[0-9:]+Z", definitions);
        Assert.Contains("gateway.networking.k8s.io/bundle-version: v0.6.0", await kubectl.Run("get crds -o yaml"));
        Assert.Contains("v1.32.4", await kubectl.Run("version"));

        Assert.Contains("doesn't have a resource type \"widgets\"", await kubectl.Fail("get widgets"));
        await kubectl.Run("apply -f -", """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: { name: widgets.example.com }
            spec:
              group: example.com
              scope: Namespaced
              names: { plural: widgets, singular: widget, kind: Widget, shortNames: [wd] }
              versions:
              - name: v1
                served: true
                storage: true
                schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
                additionalPrinterColumns: [{ name: Size, type: string, jsonPath: .spec.size }]
            """);
        await kubectl.Run("wait --for=condition=established crd/widgets.example.com");
        await kubectl.Run("create -f -", """{ "apiVersion": "example.com/v1", "kind": "Widget", "metadata": { "name": "w" }, "spec": { "size": "big" } }""");
        Assert.Equal(["NAME SIZE", "w big"], Rows(await kubectl.Run("get wd")));
    }

    [Fact]
    public async Task A_watch_and_a_wait_see_what_happens()
    {
        await using Kubectl kubectl = await Kubectl.Start();
        await kubectl.Run("apply -f -", Gateway);
        using RunningKubectl wait = kubectl.Begin("wait --for=condition=programmed gtw waypoint --timeout=60s");
        using RunningKubectl watch = kubectl.Begin("get gtw -w");
        Assert.Equal("NAME CLASS ADDRESS PROGRAMMED AGE", Blanks().Replace(await watch.Line(), " ").Trim());
        Assert.StartsWith("waypoint istio-waypoint", Blanks().Replace(await watch.Line(), " "));
        await Eventually.Holds(() => kubectl.Server.Counters.Watches("gateways.gateway.networking.k8s.io") == 2);
        await kubectl.Run("get --raw /readyz");
        await new HttpClient { BaseAddress = kubectl.Server.Address }.PatchAsync(
            "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways/waypoint/status",
            new StringContent(Programmed, null, "application/merge-patch+json"));
        Assert.Equal(0, await wait.End());
        Assert.StartsWith("waypoint istio-waypoint True", Blanks().Replace(await watch.Line(), " "));
    }

    [Fact]
    public async Task Delete_waits_until_it_is_gone()
    {
        await using Kubectl kubectl = await Kubectl.Start();
        kubectl.Server.Put("""
            apiVersion: v1
            kind: Pod
            metadata: { name: p, namespace: shop }
            spec: { nodeName: node-a, containers: [{ name: c, image: i }] }
            ---
            apiVersion: v1
            kind: ConfigMap
            metadata: { name: c, namespace: shop }
            """);
        Assert.Equal("configmap \"c\" deleted", (await kubectl.Run("delete cm c -n shop")).Split(" from ")[0]);
        Assert.Contains("not found", await kubectl.Fail("delete cm c -n shop"));
        using RunningKubectl pod = kubectl.Begin("delete pod p -n shop");
        await Eventually.Holds(() => kubectl.Server.Counters.Watches("pods") == 1);
        Assert.Contains("Terminating", await kubectl.Run("get pods -n shop"));
        kubectl.Server.Objects.Delete("v1", "Pod", "shop", "p");
        Assert.Equal(0, await pod.End());
        await kubectl.Run("create namespace other");
        await kubectl.Run("create configmap x -n other --from-literal=a=b");
        await kubectl.Run("delete namespace other");
        Assert.Contains("not found", await kubectl.Fail("get ns other"));
        Assert.Contains("namespaces \"other\" not found", await kubectl.Fail("create configmap x -n other"));
    }

    [Fact]
    public async Task Events_are_shown_by_either_name()
    {
        await using Kubectl kubectl = await Kubectl.Start();
        kubectl.Server.Put("""
            apiVersion: events.k8s.io/v1
            kind: Event
            metadata: { name: e1, namespace: default }
            eventTime: "2024-01-01T00:00:00.000000Z"
            reportingController: ztunnel
            reportingInstance: node-a
            action: Enrol
            reason: Enrolled
            regarding: { kind: Pod, namespace: default, name: p }
            note: the pod is in the mesh
            type: Normal
            """);
        string events = await kubectl.Run("get events");
        Assert.Matches(@"(?m)Normal +Enrolled +pod/p +the pod is in the mesh$", events);
        Assert.Equal("p the pod is in the mesh", await kubectl.Run("get events -o 'jsonpath={.items[0].involvedObject.name} {.items[0].message}'"));
        Assert.Equal("p the pod is in the mesh", await kubectl.Run(
            "get events.v1.events.k8s.io e1 -o 'jsonpath={.regarding.name} {.note}'"));
        Assert.Equal("event/e1", await kubectl.Run("get events -o name --field-selector involvedObject.name=p"));
    }

    private static string[] Rows(string table) =>
        [.. table.Split('\n').Select(line => Ages().Replace(Blanks().Replace(line.Trim(), " "), " AGE"))];

    [GeneratedRegex(" +", RegexOptions.None, 1000)]
    private static partial Regex Blanks();

    [GeneratedRegex(" [0-9]+s", RegexOptions.None, 1000)]
    private static partial Regex Ages();
}
