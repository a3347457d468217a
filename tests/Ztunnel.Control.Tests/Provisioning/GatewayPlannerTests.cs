using System.Text.Json.Nodes;
using Ztunnel.Mesh;
using Ztunnel.Resources;
using static Ztunnel.Control.Tests.Gateways;

namespace Ztunnel.Control.Tests;

/// <summary>What is made for Gateways: the facts of Istio's gateway deployment controller, and what is ours.</summary>
public sealed class GatewayPlannerTests
{
    private static readonly GatewayAddress Ip = new(GatewayAddress.IPAddress, "192.0.2.1");
    private static readonly GatewayAddress Host = new(GatewayAddress.Hostname, "gw.example.com");

    public static TheoryData<string, string, string> Facts => new()
    {
        { "ServiceAccount", "metadata.name", "\"gw-istio\"" },
        { "ServiceAccount", "metadata.namespace", "\"shop\"" },
        { "Role", "kind", "absent" },
        { "RoleBinding", "kind", "absent" },
        { "Deployment", "metadata.name", "\"gw-istio\"" },
        { "Deployment", "metadata.ownerReferences", """[{"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway","name":"gw","uid":"u-1"}]""" },
        { "Deployment", "metadata.labels.gateway~istio~io/managed", "\"istio.io-gateway-controller\"" },
        { "Deployment", "metadata.labels.gateway~networking~k8s~io/gateway-name", "\"gw\"" },
        { "Deployment", "metadata.labels.gateway~networking~k8s~io/gateway-class-name", "\"istio\"" },
        { "Deployment", "metadata.labels.istio~io/dataplane-mode", "\"none\"" },
        { "Deployment", "spec.replicas", "absent" },
        { "Deployment", "spec.selector.matchLabels", """{"gateway.networking.k8s.io/gateway-name":"gw"}""" },
        { "Deployment", "spec.template.metadata.labels.istio~io/dataplane-mode", "\"none\"" },
        { "Deployment", "spec.template.metadata.labels.sidecar~istio~io/inject", "\"false\"" },
        { "Deployment", "spec.template.metadata.labels.service~istio~io/canonical-name", "\"gw-istio\"" },
        { "Deployment", "spec.template.metadata.labels.service~istio~io/canonical-revision", "\"latest\"" },
        { "Deployment", "spec.template.metadata.labels.networking~istio~io/tunnel", "absent" },
        { "Deployment", "spec.template.metadata.annotations.istio~io/rev", "\"default\"" },
        { "Deployment", "spec.template.metadata.annotations.ztunnel~io/service-account", "\"gw-istio\"" },
        { "Deployment", "spec.template.spec.serviceAccountName", "\"gw-istio\"" },
        { "Deployment", "spec.template.spec.securityContext.sysctls", """[{"name":"net.ipv4.ip_unprivileged_port_start","value":"0"}]""" },
        { "Deployment", "spec.template.spec.securityContext.runAsUser", "1337" },
        { "Deployment", "spec.template.spec.securityContext.runAsNonRoot", "true" },
        { "Deployment", "spec.template.spec.containers[0].name", "\"istio-proxy\"" },
        { "Deployment", "spec.template.spec.containers[0].image", "\"ztunnel:test\"" },
        { "Deployment", "spec.template.spec.containers[0].securityContext.readOnlyRootFilesystem", "true" },
        { "Deployment", "spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation", "false" },
        { "Deployment", "spec.template.spec.containers[0].securityContext.capabilities", """{"drop":["ALL"]}""" },
        { "Deployment", "spec.template.spec.containers[0].startupProbe.httpGet.port", "15021" },
        { "Deployment", "spec.template.spec.containers[0].startupProbe.periodSeconds", "1" },
        { "Deployment", "spec.template.spec.containers[0].startupProbe.failureThreshold", "30" },
        { "Deployment", "spec.template.spec.containers[0].readinessProbe.periodSeconds", "15" },
        { "Deployment", "spec.template.spec.containers[0].readinessProbe.failureThreshold", "4" },
        { "Deployment", "spec.template.spec.containers[0].readinessProbe.httpGet.path", "\"/healthz/ready\"" },
        { "Deployment", "spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken", """{"audience":"istio-ca","expirationSeconds":43200,"path":"istio-token"}""" },
        { "Deployment", "spec.template.spec.volumes[1].configMap.name", "\"istio-ca-root-cert\"" },
        { "Deployment", "spec.template.spec.containers[0].volumeMounts[1].mountPath", "\"/var/run/secrets/tokens\"" },
        { "Service", "metadata.name", "\"gw-istio\"" },
        { "Service", "metadata.annotations", "{}" },
        { "Service", "spec.type", "\"LoadBalancer\"" },
        { "Service", "spec.ipFamilyPolicy", "\"PreferDualStack\"" },
        { "Service", "spec.loadBalancerIP", "absent" },
        { "Service", "spec.selector", """{"gateway.networking.k8s.io/gateway-name":"gw"}""" },
        { "HorizontalPodAutoscaler", "kind", "absent" },
        { "PodDisruptionBudget", "kind", "absent" },
    };

    public static TheoryData<string, string, string> WaypointFacts => new()
    {
        { "ServiceAccount", "metadata.name", "\"gw\"" },
        { "Deployment", "metadata.name", "\"gw\"" },
        { "Deployment", "metadata.labels.gateway~istio~io/managed", "\"istio.io-mesh-controller\"" },
        { "Deployment", "metadata.labels.istio~io/dataplane-mode", "absent" },
        { "Deployment", "spec.template.metadata.labels.istio~io/dataplane-mode", "\"none\"" },
        { "Deployment", "spec.template.metadata.labels.networking~istio~io/tunnel", "\"http\"" },
        { "Deployment", "spec.template.spec.securityContext.sysctls", "absent" },
        { "Service", "metadata.name", "\"gw\"" },
        { "Service", "spec.type", "\"ClusterIP\"" },
        { "Service", "metadata.annotations.networking~istio~io/traffic-distribution", "\"PreferClose\"" },
        { "Service", "spec.ports[0]", """{"name":"status-port","port":15021,"protocol":"TCP","appProtocol":"tcp"}""" },
        { "Service", "spec.ports[1]", """{"name":"mesh","port":15008,"protocol":"TCP","appProtocol":"hbone"}""" },
    };

    [Theory]
    [MemberData(nameof(Facts))]
    public void An_ingress_gateway_is_made_as_Istio_makes_it(string kind, string path, string expected) =>
        Assert.Equal(expected, Ingress(("http", 80, "HTTP")).Plan().Made(kind).At(path));

    [Theory]
    [MemberData(nameof(WaypointFacts))]
    public void A_waypoint_is_made_as_Istio_makes_it(string kind, string path, string expected) =>
        Assert.Equal(expected, Waypoint().Plan().Made(kind).At(path));

    [Fact]
    public void Its_pods_run_our_gateway_with_the_controller_s_certificates()
    {
        string args = string.Join(' ', Ingress(("http", 80, "HTTP")).Plan().Made("Deployment")!["spec"]!["template"]!["spec"]!["containers"]![0]!["args"]!.AsArray());
        Assert.Equal(
            "gateway --name gw --namespace shop --kubernetes --root-namespace istio-system --trust-domain cluster.local "
            + "--ca-address ztunnel-controller.istio-system.svc:15012 --ca-root /var/run/secrets/istio/root-cert.pem --ca-token /var/run/secrets/tokens/istio-token",
            args);
    }

    [Fact]
    public void Objects_are_made_in_an_order_in_which_each_finds_what_it_refers_to() =>
        Assert.Equal(
            "ServiceAccount Role RoleBinding Deployment Service",
            string.Join(' ', Assert.IsType<GatewayPlan.Managed>(GatewayPlanner.Plan(new GatewayInputs { Gateway = Waypoint(), Secrets = [new SecretName("shop", "a")] }, Options)).Objects.Select(made => made.Resource.Kind)));

    [Fact]
    public void Rights_to_Secrets_are_for_those_that_it_needs_in_each_namespace_by_name()
    {
        SecretName[] secrets = [new("certs", "c"), new("shop", "a"), new("shop", "b")];
        GatewayPlan.Managed plan = Assert.IsType<GatewayPlan.Managed>(GatewayPlanner.Plan(new GatewayInputs { Gateway = Waypoint(), Secrets = secrets }, Options));
        Assert.Equal(
            """certs/shop.gw-secrets ["c"], shop/gw-secrets ["a","b"]""",
            string.Join(", ", plan.Objects.Where(made => made.Resource.Kind == "Role").Select(made => $"{made.Namespace}/{made.Name} {made.Body.At("rules[0].resourceNames")}")));
        JsonObject binding = plan.Objects.Single(made => made.Name == "shop.gw-secrets" && made.Resource.Kind == "RoleBinding").Body;
        Assert.Equal("""{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"shop.gw-secrets"}""", binding.At("roleRef"));
        Assert.Equal("""[{"kind":"ServiceAccount","name":"gw","namespace":"shop"}]""", binding.At("subjects"));
        Assert.Equal("absent", binding.At("metadata.ownerReferences"));
        Assert.Equal("\"shop\"", binding.At("metadata.labels.ztunnel~io/gateway-namespace"));
    }

    [Fact]
    public void Each_port_is_a_port_of_the_service_once_whatever_listeners_are_called()
    {
        GatewayObject gateway = Ingress(
            ("web.site", 80, "HTTP"), ("other", 80, "HTTP"), ("web-site", 443, "HTTPS"), ("udp", 53, "UDP"), (new string('a', 80), 8443, "TLS"), ("state", 15021, "TCP"));
        Assert.Equal(
            $"status-port:15021/tcp web-site:80/http web-site-443:443/https {new string('a', 63)}:8443/tls",
            string.Join(' ', gateway.Plan().Made("Service")!["spec"]!["ports"]!.AsArray().Select(port => $"{port!["name"]}:{port["port"]}/{port["appProtocol"]}")));
    }

    [Theory]
    [InlineData("gateway.istio.io/name-override", "front", "front", "gw-istio")]
    [InlineData("gateway.istio.io/service-account", "front", "gw-istio", "front")]
    public void Names_may_be_given(string annotation, string value, string name, string account)
    {
        GatewayPlan plan = Ingress(("http", 80, "HTTP")).Annotated(annotation, value).Plan();
        Assert.Equal($"\"{name}\"", plan.Made("Service").At("metadata.name"));
        Assert.Equal($"\"{name}\"", plan.Made("Deployment").At("metadata.name"));
        Assert.Equal($"\"{account}\"", plan.Made("ServiceAccount").At("metadata.name"));
        Assert.Equal($"\"{account}\"", plan.Made("Deployment").At("spec.template.spec.serviceAccountName"));
        Assert.Equal("{}", plan.Made("Service").At("metadata.annotations"));
    }

    [Fact]
    public void A_waypoint_for_a_service_account_does_not_take_the_name_of_the_application()
    {
        GatewayPlan plan = Waypoint().Annotated("istio.io/for-service-account", "gw").Plan();
        Assert.Equal("\"gw-istio-waypoint\"", plan.Made("Service").At("metadata.name"));
        Assert.Equal("\"gw-istio-waypoint\"", plan.Made("ServiceAccount").At("metadata.name"));
    }

    [Theory]
    [InlineData("ClusterIP", "ClusterIP")]
    [InlineData("NodePort", "NodePort")]
    [InlineData("LoadBalancer", "LoadBalancer")]
    public void The_type_of_the_service_may_be_given(string type, string expected)
    {
        Assert.Equal($"\"{expected}\"", Waypoint().Annotated("networking.istio.io/service-type", type).Plan().Made("Service").At("spec.type"));
        GatewayObject infrastructure = Waypoint() with { InfrastructureAnnotations = Map(("networking.istio.io/service-type", type)) };
        Assert.Equal($"\"{expected}\"", infrastructure.Plan().Made("Service").At("spec.type"));
    }

    [Fact]
    public void One_address_is_asked_of_the_load_balancer()
    {
        GatewayObject gateway = Ingress(("http", 80, "HTTP")) with { RequestedAddresses = [Ip] };
        Assert.Equal("\"192.0.2.1\"", gateway.Plan().Made("Service").At("spec.loadBalancerIP"));
        Assert.Equal("absent", gateway.Annotated("networking.istio.io/service-type", "ClusterIP").Plan().Made("Service").At("spec.loadBalancerIP"));
    }

    [Fact]
    public void A_gateway_that_is_somewhere_already_is_left_to_who_runs_it()
    {
        GatewayObject gateway = Ingress(("http", 80, "HTTP"));
        Assert.IsType<GatewayPlan.Unmanaged>((gateway with { RequestedAddresses = [Host] }).Plan());
        Assert.IsType<GatewayPlan.Unmanaged>((gateway with { RequestedAddresses = [Ip, Ip with { Value = "192.0.2.2" }] }).Plan());
        Assert.IsType<GatewayPlan.Unmanaged>(Of("istio-remote", ("http", 80, "HTTP")).Plan());
        Assert.IsType<GatewayPlan.Managed>((gateway with { RequestedAddresses = [Ip with { Value = "" }] }).Plan());
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData("default", null, true)]
    [InlineData("canary", null, false)]
    [InlineData(null, "canary", false)]
    [InlineData("default", "canary", true)]
    public void Gateways_of_another_revision_are_left_alone(string? label, string? namespaceLabel, bool ours)
    {
        GatewayObject gateway = Waypoint();
        if (label is not null)
            gateway = gateway.Labelled("istio.io/rev", label);
        var inputs = new GatewayInputs { Gateway = gateway, NamespaceLabels = namespaceLabel is null ? StringMap.Empty : Map(("istio.io/rev", namespaceLabel)) };
        Assert.Equal(ours, GatewayPlanner.Plan(inputs, Options) is GatewayPlan.Managed);
        Assert.Equal(!ours, GatewayPlanner.Plan(inputs, Options with { Revision = "canary" }) is GatewayPlan.Managed);
    }

    [Fact]
    public void Whose_a_gateway_is_its_class_says()
    {
        GatewayObject gateway = Of("nginx", ("http", 80, "HTTP"));
        var @class = new GatewayClassObject { Metadata = new ObjectMetadata { Name = "nginx" }, ControllerName = "nginx.org/gateway-controller" };
        Assert.IsType<GatewayPlan.Foreign>(gateway.Plan());
        Assert.IsType<GatewayPlan.Foreign>(GatewayPlanner.Plan(new GatewayInputs { Gateway = gateway, Class = @class }, Options));
        GatewayPlan ours = GatewayPlanner.Plan(new GatewayInputs { Gateway = gateway, Class = @class with { ControllerName = "istio.io/gateway-controller" } }, Options);
        Assert.Equal("\"gw-nginx\"", ours.Made("Deployment").At("metadata.name"));
    }

    [Fact]
    public void What_is_made_carries_the_labels_of_the_infrastructure_or_else_the_gateway_s_own()
    {
        GatewayObject own = Ingress(("http", 80, "HTTP")).Labelled("team", "web").Annotated("note", "x");
        GatewayObject infrastructure = own with
        {
            InfrastructureLabels = Map(("tier", "edge"), ("gateway.networking.k8s.io/gateway-name", "other")),
            InfrastructureAnnotations = Map(("cost", "7")),
        };
        Assert.Equal("\"web\"", own.Plan().Made("Service").At("metadata.labels.team"));
        Assert.Equal("\"x\"", own.Plan().Made("Deployment").At("spec.template.metadata.annotations.note"));
        Assert.Equal("absent", infrastructure.Plan().Made("Service").At("metadata.labels.team"));
        Assert.Equal("\"edge\"", infrastructure.Plan().Made("Deployment").At("spec.template.metadata.labels.tier"));
        Assert.Equal("\"gw\"", infrastructure.Plan().Made("Deployment").At("spec.template.metadata.labels.gateway~networking~k8s~io/gateway-name"));
        Assert.Equal("""{"cost":"7"}""", infrastructure.Plan().Made("Service").At("metadata.annotations"));
    }

    [Fact]
    public void A_gateway_may_ask_to_be_captured()
    {
        GatewayPlan plan = Ingress(("http", 80, "HTTP")).Labelled("istio.io/dataplane-mode", "ambient").Plan();
        Assert.Equal("\"ambient\"", plan.Made("Deployment").At("spec.template.metadata.labels.istio~io/dataplane-mode"));
    }

    [Theory]
    [InlineData("networking.istio.io/service-type", "Loadbalancer", "networking.istio.io/service-type]: expected LoadBalancer, ClusterIP or NodePort, got \"Loadbalancer\"")]
    [InlineData("gateway.istio.io/name-override", "Front", "a Service cannot be called Front")]
    [InlineData("gateway.istio.io/service-account", "a_b", "gateway.istio.io/service-account]: may hold only")]
    public void What_cannot_be_made_is_said_with_its_field(string annotation, string value, string said) =>
        Assert.Contains(said, Assert.IsType<GatewayPlan.Invalid>(Waypoint().Annotated(annotation, value).Plan()).Reason, StringComparison.Ordinal);

    [Fact]
    public void A_name_that_is_too_long_for_a_label_is_said_to_be()
    {
        GatewayObject gateway = Waypoint();
        GatewayPlan plan = (gateway with { Metadata = gateway.Metadata with { Name = new string('a', 64) } }).Plan();
        Assert.Contains("metadata.name", Assert.IsType<GatewayPlan.Invalid>(plan).Reason, StringComparison.Ordinal);
    }
}
