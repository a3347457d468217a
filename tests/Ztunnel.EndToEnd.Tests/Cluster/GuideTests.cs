namespace Ztunnel.EndToEnd.Tests.Cluster;

/// <summary>
/// The guides of <c>deploy/walkthroughs</c> followed by hand: their own commands, typed on a host outside the cluster, and what they
/// say one will see. What is another product's console (an ASM instance, the component that installs CRDs) is there already.
/// </summary>
[Collection(ClusterFixture.Name)]
public sealed class GuideTests(ClusterFixture fixture)
{
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
        await MeshLab.Eventually(
            () => $"nothing of the guide to run: {string.Join(", ", lab.Cluster.RunningPods)}",
            () => Task.FromResult(!lab.Cluster.RunningPods.Any(pod => !pod.StartsWith("istio-system/", StringComparison.Ordinal))));
    }
}
