using System.Text.RegularExpressions;

namespace Ztunnel.EndToEnd.Tests.Cluster;

/// <summary>
/// The guides of <c>deploy/walkthroughs</c> followed by hand: their own commands, typed on a host outside the cluster, and what they
/// say one will see. What is another product's console (an ASM instance, the component that installs CRDs) is there already.
/// Between two steps a reader waits until what was made runs, where a guide does not say so itself.
/// </summary>
[Collection(ClusterFixture.Name)]
public sealed class GuideTests(ClusterFixture fixture)
{
    /// <summary>What the guides on ASM print for a request to <c>/status/418</c>.</summary>
    private const string Teapot = """"
        -=[ teapot ]=-

           _...._
         .'  _ _ `.
        | ."` ^ `". _,
        \_;`"---"`|//
          |       ;/
          \_     _/
            `"""`
        """";

    private ClusterLab Lab => fixture.Lab;

    // This guide was published twice, once without the indentation of its objects.
    [Fact]
    public async Task Gateway_api_on_asm_an_ingress_gateway_then_a_waypoint_that_denies_a_path()
    {
        Lab.Fetch("asm-gateway-api");
        await HaveHttpbinAndAnIngressGateway();
        await Lab.Shell.Run("kubectl apply -f 1-gateway.yaml");
        await Lab.Shell.Run("kubectl apply -f 2-route.yaml");
        const string Brew = "curl -HHost:httpbin.aliyun.com \"http://${ASM_GATEWAY_ADDRESS}:80/status/418\"";
        Assert.Equal(Lines(Teapot), Lines(await Lab.Explained(() => Lab.Shell.Until(Brew, "-=[ teapot ]=-"))));

        await Lab.Shell.Run("kubectl apply -f 3-waypoint.yaml");
        await Lab.Shell.Run("kubectl apply -f 4-policy.yaml");
        // The guide's own % is how a shell shows that no new line follows.
        Assert.Equal("RBAC: access denied", await Lab.Explained(() => Lab.Shell.Until(Brew, "RBAC: access denied")));
        await Lab.Explained(() => Lab.Shell.Until(
            "curl -HHost:httpbin.aliyun.com \"http://${ASM_GATEWAY_ADDRESS}:80/headers\" -I", Headers));

        await Lab.Shell.Run("kubectl delete -f 4-policy.yaml -f 3-waypoint.yaml -f 2-route.yaml -f 1-gateway.yaml");
        await HaveNothing();
    }

    [Fact]
    public async Task Routing_rules_on_asm_over_http_and_over_https_with_a_certificate_of_a_secret()
    {
        string definitions = await Lab.Shell.Run("kubectl get crds | grep gateway.networking.k8s.io");
        foreach (string kind in (string[])["gatewayclasses", "gateways", "httproutes", "referencegrants"])
            Assert.Single(Lines(definitions), line => Regex.IsMatch(line, $@"^{kind}\.gateway\.networking\.k8s\.io +\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", RegexOptions.NonBacktracking));
        string[] versions = Lines(await Lab.Shell.Run("kubectl get crds -o yaml | grep 'gateway.networking.k8s.io/bundle-version'"));
        Assert.Equal(Lines(definitions).Length, versions.Length);
        Assert.All(versions, line => Assert.Matches(@"^gateway\.networking\.k8s\.io/bundle-version: v\d+\.\d+\.\d+$", line));

        // Left out: to install the CRDs from a console where they are missing, and enableGatewayAPI of an ASM instance, which is an object
        // of that product's own.
        Lab.Fetch("asm-https");
        await HaveHttpbinAndAnIngressGateway();
        await Lab.Shell.Run("kubectl apply -f gateway-http.yaml");
        await Lab.Explained(() => Lab.Shell.Until("curl -I -HHost:httpbin.aliyun.com \"http://${ASM_GATEWAY_ADDRESS}:80/get\"", Headers));

        // In the guide the certificate comes out of a console, under this name.
        await File.WriteAllTextAsync(
            Path.Combine(Lab.Shell.Directory, "certificate.yaml"),
            WalkthroughLab.CertificateSecret("myexample-credential", "istio-system", "a.aliyun.com"),
            TestContext.Current.CancellationToken);
        await Lab.Shell.Run("kubectl apply -f certificate.yaml");
        await Lab.Shell.Run("kubectl apply -f gateway-https.yaml");
        string answer = await Lab.Explained(() => Lab.Shell.Until(
            """
            curl -k -H Host:a.aliyun.com \
              --resolve a.aliyun.com:443:${ASM_GATEWAY_ADDRESS} \
              https://a.aliyun.com/status/418
            """,
            "-=[ teapot ]=-"));
        Assert.Equal(Lines(Teapot), Lines(answer));
        Assert.Equal(
            Lines("gateway\ngateway-https"),
            Lines(await Lab.Shell.Run("kubectl get gtw -n istio-system -o jsonpath='{range .items[*]}{.metadata.name}{\"\\n\"}{end}'")));

        await Lab.Shell.Run("kubectl delete -f gateway-https.yaml -f gateway-http.yaml -f certificate.yaml");
        await HaveNothing();
    }

    [Fact]
    public async Task Zero_trust_on_asm_gateways_a_canary_then_mutual_tls_everywhere_and_tokens_of_one_issuer()
    {
        Lab.Fetch("asm-mesh");
        Lab.Fetch("samples");
        // Left out: to make an ASM instance and to add the cluster to it, which are done in consoles. The guide's own two commands are its
        // labels; what it talks of otherwise is applied here first, a pod that is not in the mesh, and one that is and has no waypoint.
        await Lab.Shell.Run($"""
            kubectl create namespace outside
            kubectl apply -n outside -f curl.yaml
            kubectl create namespace ledger
            kubectl label namespace ledger istio.io/dataplane-mode=ambient
            kubectl apply -n ledger -f httpbin.yaml
            kubectl apply -f httpbin.yaml -f curl.yaml
            kubectl apply -f - <<END
            {Reviews("v1")}
            {Reviews("v2")}
            apiVersion: v1
            kind: Service
            metadata:
              name: reviews-svc
              namespace: istio-system
              labels: {"{"}istio.io/use-waypoint: waypoint, istio.io/use-waypoint-namespace: default{"}"}
            spec: {"{"}selector: {"{"}app: reviews{"}"}, ports: [{"{"}name: http, port: 9080{"}"}]{"}"}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: HTTPRoute
            metadata: {"{"}name: httpbin, namespace: default{"}"}
            spec:
              parentRefs: [{"{"}name: prod-gateway, namespace: istio-system{"}"}]
              rules: [{"{"}backendRefs: [{"{"}name: httpbin, port: 8000{"}"}]{"}"}]
            END
            """);
        await Lab.Shell.Run("kubectl apply -f gateway.yaml");
        await Lab.Shell.Run("kubectl apply -f waypoint.yaml");
        await Lab.Shell.Run("kubectl label ns default istio.io/dataplane-mode=ambient");
        await Lab.Shell.Run("kubectl label ns default istio.io/use-waypoint=waypoint");
        foreach ((string @namespace, string deployment) in ((string, string)[])[
            ("default", "httpbin"), ("default", "curl"), ("outside", "curl"), ("ledger", "httpbin"), ("istio-system", "reviews-v1"), ("istio-system", "reviews-v2")])
        {
            await Lab.UntilReady(@namespace, deployment);
        }

        await Lab.Explained(() => Lab.Shell.Run("kubectl wait --for=condition=Programmed gtw/waypoint --timeout=60s"));
        await Lab.Explained(() => Lab.Shell.Run("kubectl wait --for=condition=Programmed gtw/prod-gateway -n istio-system --timeout=60s"));
        const string InMesh = "kubectl exec deployment/curl -- curl -sS --max-time 10 -i http://httpbin:8000/headers";
        await Lab.Explained(() => Lab.Shell.Until(InMesh, "HTTP/1.1 200 OK", "server: istio-envoy"));

        await Lab.Shell.Run("kubectl apply -f canary.yaml");
        const int Requests = 200;
        string ask = $"kubectl exec deployment/curl -- curl -sS --max-time 10 'http://reviews-svc.istio-system:9080/?[1-{Requests}]'";
        // Not before route and pods have come to the waypoint.
        await Lab.Explained(() => Lab.Shell.Until(ask, "v1", "v2"));
        string answers = await Lab.Shell.Run(ask);
        Assert.Equal("", string.Join('\n', Lines(answers).Where(line => line is not ("v1" or "v2"))));
        // A tenth of 200 with a standard deviation of 4.2: four of those to the one side, and more to the other.
        Assert.Equal(Requests, Lines(answers).Length);
        Assert.InRange(Lines(answers).Count(line => line == "v2"), 2, 45);

        // What the external service does is asked of agents in the lab of WalkthroughTests, where names can be given to it.
        await Lab.Shell.Run("kubectl apply -f external.yaml");
        await Lab.Explained(() => Lab.Shell.Run("kubectl wait --for=condition=Accepted serviceentry/external-svc-se -n istio-system --timeout=60s"));
        await Lab.Shell.Run("kubectl apply -f telemetry.yaml");

        const string Gateway = "curl -sS --max-time 10 -i http://$(kubectl get gtw prod-gateway -n istio-system -o jsonpath='{.status.addresses[0].value}')/headers";
        const string Direct = "kubectl exec deployment/curl -n outside -- curl -sS --max-time 10 -i http://$(kubectl get pods -n ledger -l app=httpbin -o jsonpath='{.items[0].status.podIP}'):8080/headers";
        await Lab.Explained(() => Lab.Shell.Until(Gateway, "HTTP/1.1 200 OK", "server: istio-envoy"));
        await Lab.Explained(() => Lab.Shell.Until(Direct, "HTTP/1.1 200 OK"));
        await Lab.Shell.Run("kubectl apply -f strict.yaml");
        await Lab.Explained(() => Lab.Shell.Until(Direct, "reset by peer"));
        await Lab.Explained(() => Lab.Shell.Until(Gateway, "HTTP/1.1 200 OK"));
        await Lab.Shell.Run("kubectl apply -f gateway-auth.yaml");
        await Lab.Explained(() => Lab.Shell.Until(Gateway, "HTTP/1.1 403 Forbidden", "RBAC: access denied"));
        // Of the gateway alone.
        await Lab.Explained(() => Lab.Shell.Until(InMesh, "HTTP/1.1 200 OK"));

        await Lab.Shell.Run("""
            kubectl delete -f gateway-auth.yaml -f strict.yaml -f telemetry.yaml -f external.yaml -f canary.yaml -f waypoint.yaml -f gateway.yaml
            kubectl delete -f httpbin.yaml -f curl.yaml
            kubectl delete httproute httpbin
            kubectl delete deployments,services -n istio-system -l guide=reviews
            kubectl delete service reviews-svc -n istio-system
            kubectl delete namespace outside
            kubectl delete namespace ledger
            kubectl label ns default istio.io/dataplane-mode- istio.io/use-waypoint-
            """);
        await UntilOnlyTheMeshRuns();
    }

    [Fact]
    public async Task Exposing_a_service_via_gateway_api_in_ambient_mode()
    {
        ClusterLab lab = fixture.Lab;
        lab.Fetch("ambient-ingress");
        // The guide fetches these two from Istio's repository.
        lab.Fetch("samples");
        foreach (string command in (string[])[
            "kubectl create namespace httpbin",
            "kubectl label namespace httpbin istio-discovery=enabled",
            "kubectl label namespace httpbin istio.io/dataplane-mode=ambient",
            "kubectl apply -n httpbin -f httpbin.yaml",
            "kubectl apply -f httpbin-waypoint.yaml",
            "kubectl label service httpbin -n httpbin istio.io/ingress-use-waypoint=true",
            "kubectl label ns httpbin istio.io/use-waypoint=httpbin-waypoint",
            "kubectl apply -f httpbin-gw.yaml",
            "kubectl apply -f httpbin-ingress-hr.yaml",
            "kubectl apply -f httpbin-waypoint-hr.yaml",
            "kubectl wait --for=condition=programmed gtw httpbin-waypoint -n httpbin --timeout=60s",
            "kubectl create namespace curl",
            "kubectl apply -n curl -f curl.yaml",
            "kubectl label namespace curl istio-discovery=enabled",
            "kubectl label namespace curl istio.io/dataplane-mode=ambient",
        ])
        {
            await lab.Explained(() => lab.Shell.Run(command));
        }

        // The guide's reader takes a while from one step to the next.
        await lab.UntilReady("curl", "curl");
        await lab.UntilReady("httpbin", "httpbin");
        await lab.UntilReady("httpbin", "httpbin-gateway-istio");
        await lab.Shell.Run("""
            export CURL_POD=$(kubectl get pods -n curl -l app=curl -o jsonpath='{.items[*].metadata.name}')
            echo "CURL_POD=$CURL_POD"
            """);
        await lab.Explained(() => lab.Shell.Until(
            """
            kubectl exec $CURL_POD -n curl -- \
              curl -sS -I \
                -H Host:httpbin.example.com \
                httpbin-gateway-istio.httpbin.svc.cluster.local/headers
            """,
            "HTTP/1.1 200 OK", "server: istio-envoy"));
        await lab.Explained(() => lab.Shell.Until(
            """
            kubectl exec $CURL_POD -n curl -- \
              curl -sS -I \
                -H Host:httpbin.example.com \
                httpbin-gateway-istio.httpbin.svc.cluster.local/get
            """,
            "HTTP/1.1 404 Not Found", "server: istio-envoy"));

        await lab.Shell.Run("kubectl -n httpbin annotate gtw httpbin-gateway networking.istio.io/service-type-");
        await lab.Explained(() => lab.Shell.Until(
            "kubectl get gtw httpbin-gateway -n httpbin -o jsonpath='{.status.addresses[0].value}'", "172.18.255."));
        await lab.Shell.Run("""
            export INGRESS_HOST=$(kubectl get gtw httpbin-gateway -n httpbin -o jsonpath='{.status.addresses[0].value}')
            echo "INGRESS_HOST=$INGRESS_HOST"
            export INGRESS_PORT=$(kubectl get gtw httpbin-gateway -n httpbin -o jsonpath='{.spec.listeners[?(@.name=="default")].port}')
            echo "INGRESS_PORT=$INGRESS_PORT"
            """);
        await lab.Explained(() => lab.Shell.Until(
            "curl -sS -g -I -H Host:httpbin.example.com http://$INGRESS_HOST:$INGRESS_PORT/headers", "HTTP/1.1 200 OK", "server: istio-envoy"));

        await lab.Shell.Run("""
            kubectl label namespace curl istio.io/dataplane-mode-
            kubectl label namespace httpbin istio.io/dataplane-mode-
            kubectl delete namespace curl
            kubectl delete namespace httpbin
            """);
        await UntilOnlyTheMeshRuns();
    }

    /// <summary>What answers of httpbin through a gateway have, as the guides on ASM print it.</summary>
    private static string[] Headers =>
    [
        "HTTP/1.1 200 OK", "server: istio-envoy", "date: ", "content-type: application/json", "content-length: ",
        "access-control-allow-origin: *", "access-control-allow-credentials: true", "x-envoy-upstream-service-time: ",
    ];

    /// <summary>What the guides on ASM start from: httpbin in an ambient namespace, and an ingress gateway with its address in a variable.</summary>
    private async Task HaveHttpbinAndAnIngressGateway()
    {
        Lab.Fetch("samples");
        await Lab.Shell.Run("kubectl label namespace default istio.io/dataplane-mode=ambient");
        await Lab.Shell.Run("kubectl apply -f httpbin.yaml -f ingressgateway.yaml");
        await Lab.UntilReady("default", "httpbin");
        await Lab.UntilReady("istio-system", "istio-ingressgateway");
        await Lab.UntilEnrolled("default");
        const string Address = "kubectl get service istio-ingressgateway -n istio-system -o jsonpath='{.status.loadBalancer.ingress[0].ip}'";
        await Lab.Shell.Until(Address, "172.18.255.");
        await Lab.Shell.Run($"export ASM_GATEWAY_ADDRESS=$({Address})");
    }

    /// <summary>One version of the guide's reviews, which says which it is.</summary>
    private static string Reviews(string version) => $$"""
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: reviews-{{version}}, namespace: istio-system, labels: {guide: reviews} }
        spec:
          selector: {matchLabels: {app: reviews, version: {{version}} } }
          template:
            metadata: {labels: {app: reviews, version: {{version}} } }
            spec:
              terminationGracePeriodSeconds: 0
              containers:
              - name: reviews
                image: busybox
                workingDir: /tmp
                command: [sh, -c, "mkdir -p {{version}}; echo {{version}} > {{version}}/index.html; exec python3 -m http.server -d {{version}} 9080"]
                readinessProbe: {httpGet: {path: /, port: 9080} }
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: reviews-{{version}}, namespace: istio-system, labels: {guide: reviews} }
        spec: {selector: {app: reviews, version: {{version}} }, ports: [{name: http, port: 9080}] }
        ---
        """;

    private async Task HaveNothing()
    {
        await Lab.Shell.Run("kubectl delete -f ingressgateway.yaml -f httpbin.yaml");
        await Lab.Shell.Run("kubectl label namespace default istio.io/dataplane-mode-");
        await UntilOnlyTheMeshRuns();
    }

    /// <summary>Gateways take up to their drain time to end.</summary>
    private Task UntilOnlyTheMeshRuns() => MeshLab.Eventually(
        () => $"nothing of the guide to run: {string.Join(", ", Lab.Cluster.RunningPods)}",
        () => Task.FromResult(Lab.Cluster.RunningPods.All(pod => pod.StartsWith("istio-system/ztunnel", StringComparison.Ordinal))),
        TimeSpan.FromSeconds(40));

    /// <summary>Lines without what they begin and end with of blanks, and without empty ones.</summary>
    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
