using Ztunnel.Resources;
using static Ztunnel.Control.Tests.Gateways;

namespace Ztunnel.Control.Tests;

/// <summary>Parameters of Gateways and their classes.</summary>
public sealed class OverlayTests
{
    private static readonly GatewayObject Gateway = Waypoint() with { ParametersKind = "ConfigMap", ParametersName = "params" };

    [Fact]
    public void Parameters_change_what_is_made()
    {
        GatewayPlan plan = Plan(("deployment", """
            spec:
              replicas: 4
              template:
                spec:
                  nodeSelector: {tier: edge}
                  containers:
                  - name: istio-proxy
                    resources: {requests: {cpu: 222m}}
                    env: [{name: EXTRA, value: "1"}]
                  - name: beside
                    image: beside:1
            """), ("service", "spec: {ports: [{port: 15008, nodePort: 30080}], externalTrafficPolicy: Local}"), ("serviceAccount", "metadata: {annotations: {role: x}}"));
        Assert.Equal("4", plan.Made("Deployment").At("spec.replicas"));
        Assert.Equal("\"222m\"", plan.Made("Deployment").At("spec.template.spec.containers[0].resources.requests.cpu"));
        Assert.Equal("\"128Mi\"", plan.Made("Deployment").At("spec.template.spec.containers[0].resources.requests.memory"));
        Assert.Equal("\"ztunnel:test\"", plan.Made("Deployment").At("spec.template.spec.containers[0].image"));
        Assert.Equal("\"beside\"", plan.Made("Deployment").At("spec.template.spec.containers[1].name"));
        Assert.Equal("30080", plan.Made("Service").At("spec.ports[1].nodePort"));
        Assert.Equal("\"mesh\"", plan.Made("Service").At("spec.ports[1].name"));
        Assert.Equal("\"x\"", plan.Made("ServiceAccount").At("metadata.annotations.role"));
    }

    [Fact]
    public void An_autoscaler_and_a_budget_are_made_where_parameters_speak_of_them()
    {
        GatewayPlan plan = Plan(("horizontalPodAutoscaler", "spec: {minReplicas: 2, maxReplicas: 5}"), ("podDisruptionBudget", "spec: {minAvailable: 1}"));
        Assert.Equal("5", plan.Made("HorizontalPodAutoscaler").At("spec.maxReplicas"));
        Assert.Equal("""{"apiVersion":"apps/v1","kind":"Deployment","name":"gw"}""", plan.Made("HorizontalPodAutoscaler").At("spec.scaleTargetRef"));
        Assert.Equal("""{"gateway.networking.k8s.io/gateway-name":"gw"}""", plan.Made("PodDisruptionBudget").At("spec.selector.matchLabels"));
        Assert.Equal("\"gw\"", plan.Made("PodDisruptionBudget").At("metadata.ownerReferences[0].name"));
    }

    [Fact]
    public void What_a_gateway_says_goes_before_what_its_class_says()
    {
        var inputs = new GatewayInputs
        {
            Gateway = Gateway,
            ClassDefaults = new ParametersMap("istio-system", "defaults", Map(("deployment", "spec: {replicas: 2, minReadySeconds: 3}"))),
            Parameters = new ParametersMap("shop", "params", Map(("deployment", "spec: {replicas: 9}"))),
        };
        GatewayPlan plan = GatewayPlanner.Plan(inputs, Options);
        Assert.Equal("9", plan.Made("Deployment").At("spec.replicas"));
        Assert.Equal("3", plan.Made("Deployment").At("spec.minReadySeconds"));
    }

    [Theory]
    [InlineData("deploymnt", "spec: {}", "ConfigMap shop/params: data[deploymnt]: is not known here, where there may be deployment, service, ")]
    [InlineData("deployment", "- a", "ConfigMap shop/params: data[deployment]: expected a mapping")]
    [InlineData("deployment", "a: b: c", "ConfigMap shop/params: data[deployment]: line 1: not valid YAML")]
    [InlineData("deployment", "spec: {}\n---\nspec: {}", "ConfigMap shop/params: data[deployment]: expected one YAML document")]
    [InlineData("deployment", "metadata: {name: other}", "data[deployment]: metadata.name: may not be changed")]
    [InlineData("deployment", "metadata: {namespace: other}", "data[deployment]: metadata.namespace: may not be changed")]
    [InlineData("service", "metadata: {ownerReferences: null}", "data[service]: metadata.ownerReferences: may not be changed")]
    [InlineData("service", "metadata: {labels: {gateway.istio.io/managed: me}}", "metadata.labels.gateway.istio.io/managed: may not be changed")]
    [InlineData("service", "metadata: {labels: {gateway.networking.k8s.io/gateway-name: other}}", "metadata.labels.gateway.networking.k8s.io/gateway-name: may not be changed")]
    [InlineData("serviceAccount", "metadata: {labels: {ztunnel.io/gateway-namespace: other}}", "metadata.labels.ztunnel.io/gateway-namespace: may not be changed")]
    [InlineData("deployment", "spec: {template: {spec: {serviceAccountName: admin}}}", "ConfigMap shop/params: data[deployment]: spec.template.spec.serviceAccountName: may not be changed; annotate the Gateway with gateway.istio.io/service-account")]
    [InlineData("deployment", "spec: {template: {spec: {serviceAccount: admin}}}", "data[deployment]: spec.template.spec.serviceAccount: may not be changed; annotate the Gateway with gateway.istio.io/service-account")]
    [InlineData("deployment", "spec: {template: {metadata: {annotations: {ztunnel.io/service-account: admin}}}}", "spec.template.metadata.annotations.ztunnel.io/service-account: may not be changed; annotate the Gateway with")]
    [InlineData("deployment", "spec: {template: {metadata: {labels: {gateway.networking.k8s.io/gateway-name: other}}}}", "ConfigMap shop/params: data[deployment]: spec.template.metadata.labels.gateway.networking.k8s.io/gateway-name: may not be changed")]
    [InlineData("deployment", "spec: {template: {metadata: {labels: {$patch: replace, app: mine}}}}", "spec.template.metadata.labels.gateway.networking.k8s.io/gateway-name: may not be changed")]
    [InlineData("deployment", "spec: {selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: other}}}", "spec.selector.matchLabels.gateway.networking.k8s.io/gateway-name: may not be changed")]
    [InlineData("service", "spec: {selector: {gateway.networking.k8s.io/gateway-name: null}}", "data[service]: spec.selector.gateway.networking.k8s.io/gateway-name: may not be changed")]
    [InlineData("deployment", "spec: {template: {spec: {containers: [{image: x}]}}}", "spec.template.spec.containers[0].name: is required")]
    [InlineData("deployment", "$patch: delete", "data[deployment]: $patch delete takes away the whole object")]
    [InlineData("deployment", "spec: {$patch: away}", "spec.$patch: expected delete, replace or merge")]
    public void A_mistake_in_parameters_is_said_with_its_place(string key, string patch, string said) =>
        Assert.Contains(said, Assert.IsType<GatewayPlan.Invalid>(Plan((key, patch))).Reason, StringComparison.Ordinal);

    [Fact]
    public void Parameters_that_are_not_there_stop_everything()
    {
        Assert.Equal("ConfigMap shop/params does not exist", Assert.IsType<GatewayPlan.Invalid>(Gateway.Plan()).Reason);
        GatewayObject other = Gateway with { ParametersKind = "example.com/Params" };
        Assert.Contains("example.com/Params", Assert.IsType<GatewayPlan.Invalid>(other.Plan()).Reason, StringComparison.Ordinal);
    }

    private static GatewayPlan Plan(params (string Key, string Patch)[] data) =>
        GatewayPlanner.Plan(new GatewayInputs { Gateway = Gateway, Parameters = new ParametersMap("shop", "params", Map(data)) }, Options);
}
