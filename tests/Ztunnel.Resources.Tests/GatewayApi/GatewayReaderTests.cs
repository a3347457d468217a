using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Gateways and their classes as they are read.</summary>
public sealed class GatewayReaderTests
{
    private const string Head = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata:\n  name: edge\n";
    private const string Spec = Head + "spec:\n  gatewayClassName: istio\n";
    private const string Listener = Spec + "  listeners:\n  - name: web\n    port: 80\n    protocol: HTTP\n";
    private const string ClassHead = "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata:\n  name: istio\n";

    public static TheoryData<string, string> Mistakes => new()
    {
        { Head, "x.yaml:1: Gateway default/edge: spec.gatewayClassName: is required" },
        { Head, "x.yaml:1: Gateway default/edge: spec.listeners: needs at least one listener" },
        { Head + "spec:\n  gatewayClassName: Istio_1\n", "x.yaml:6: Gateway default/edge: spec.gatewayClassName: may hold only lower-case letters, digits, '-' and '.', and must begin and end with a letter or digit, got \"Istio_1\"" },
        { Spec, "x.yaml:6: Gateway default/edge: spec.listeners: needs at least one listener" },
        { Spec + "  listeners: web\n", "x.yaml:7: Gateway default/edge: spec.listeners: expected a list, got \"web\"" },
        { Spec + "  listeners:\n  - port: 80\n    protocol: HTTP\n", "x.yaml:8: Gateway default/edge: spec.listeners[0].name: is required" },
        { Spec + "  listeners:\n  - name: web\n    protocol: HTTP\n", "x.yaml:8: Gateway default/edge: spec.listeners[0].port: is required" },
        { Spec + "  listeners:\n  - name: web\n    port: 0\n    protocol: HTTP\n", "x.yaml:9: Gateway default/edge: spec.listeners[0].port: expected a number from 1 to 65535, got the number 0" },
        { Spec + "  listeners:\n  - name: web\n    port: 80\n", "x.yaml:8: Gateway default/edge: spec.listeners[0].protocol: is required" },
        { Listener + "  - name: web\n    port: 81\n    protocol: HTTP\n", "x.yaml:11: Gateway default/edge: spec.listeners[1].name: another listener of the Gateway is named \"web\" too" },
        { Listener + "    hostname: \"*.*\"\n", "x.yaml:11: Gateway default/edge: spec.listeners[0].hostname: may hold only lower-case letters, digits, '-' and '.', and must begin and end with a letter or digit, got \"*.*\"" },
        { Listener + "    allowedRoutes:\n      namespaces:\n        from: Some\n", "x.yaml:13: Gateway default/edge: spec.listeners[0].allowedRoutes.namespaces.from: expected Same or All or Selector or None, got \"Some\"" },
        { Listener + "    allowedRoutes:\n      namespaces:\n        from: Selector\n", "x.yaml:13: Gateway default/edge: spec.listeners[0].allowedRoutes.namespaces.selector: is required where from is Selector" },
        {
            Listener + "    allowedRoutes:\n      namespaces:\n        from: Selector\n        selector:\n          matchLabels:\n            team: 7\n",
            "x.yaml:16: Gateway default/edge: spec.listeners[0].allowedRoutes.namespaces.selector.matchLabels[team]: expected a string, got the number 7; put it in quotes"
        },
        { Expression("operator: In\n            values: [a]"), $"{Demand}.key: is required" },
        { Expression("key: team"), $"{Demand}.operator: is required" },
        { Expression("key: team\n            operator: Is"), $"x.yaml:17: {DemandField}.operator: expected In or NotIn or Exists or DoesNotExist, got \"Is\"" },
        { Expression("key: team\n            operator: In"), $"{Demand}.values: is required with operator In" },
        { Expression("key: team\n            operator: Exists\n            values: [a]"), $"x.yaml:18: {DemandField}.values: may not be given with operator Exists" },
        { Listener + "  addresses:\n  - value: edge\n", "x.yaml:12: Gateway default/edge: spec.addresses[0].value: expected an IP address, got \"edge\"" },
        { Listener + "  addresses:\n  - type: Hostname\n    value: 10.0.0.1\n", "x.yaml:13: Gateway default/edge: spec.addresses[0].value: must be a DNS name where type is Hostname, got \"10.0.0.1\"" },
        { Listener + "status:\n  addresses:\n  - type: IPAddress\n", "x.yaml:13: Gateway default/edge: status.addresses[0].value: is required" },
        { Listener + "status:\n  addresses:\n  - type: Hostname\n", "x.yaml:13: Gateway default/edge: status.addresses[0].value: is required" },
        { Listener + "status:\n  conditions:\n  - type: Programmed\n", "x.yaml:13: Gateway default/edge: status.conditions[0].status: is required" },
        { Listener + "  infrastructure:\n    labels: x\n", "x.yaml:12: Gateway default/edge: spec.infrastructure.labels: expected a mapping, got \"x\"" },
        { Listener + "  infrastructure:\n    parametersRef: {group: \"\", kind: ConfigMap, name: \"a,b\"}\n", "x.yaml:12: Gateway default/edge: spec.infrastructure.parametersRef.name: may hold only lower-case letters, digits, '-' and '.', and must begin and end with a letter or digit, got \"a,b\"" },
        { ClassHead, "x.yaml:1: GatewayClass istio: spec.controllerName: is required" },
    };

    private static string DemandField => "Gateway default/edge: spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0]";

    private static string Demand => $"x.yaml:16: {DemandField}";

    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta1")]
    public void A_gateway_is_read_of_either_version(string version)
    {
        GatewayObject gateway = Only<GatewayObject>($$"""
            apiVersion: gateway.networking.k8s.io/{{version}}
            kind: Gateway
            metadata: {name: edge, namespace: infra, labels: {a: b} }
            spec:
              gatewayClassName: istio
              addresses: [{value: 10.0.0.1}, {type: Hostname, value: edge.infra.svc.cluster.local}, {type: Hostname}, {type: example.com/pool, value: blue}]
              infrastructure: {labels: {team: red}, annotations: {note: x} }
              listeners:
              - {name: web, port: 80, protocol: HTTP, hostname: "*.example.com", allowedRoutes: {namespaces: {from: All} } }
              - {name: mesh, port: 15008, protocol: HBONE}
              - name: tls
                port: 443
                protocol: HTTPS
                hostname: ""
                tls: {mode: Terminate, certificateRefs: [{name: cert}]}
                allowedRoutes:
                  namespaces:
                    from: Selector
                    selector:
                      matchLabels: {team: red}
                      matchExpressions: [{key: stage, operator: NotIn, values: [test]}, {key: x, operator: Exists}]
            status:
              addresses: [{type: IPAddress, value: 10.96.0.9}]
              conditions: [{type: Accepted, status: "False"}, {type: Programmed, status: "True"}]

            """);

        Assert.Equal("Gateway infra/edge", gateway.Key.ToString());
        Assert.Equal("istio", gateway.ClassName);
        Assert.Equal(
            [new("IPAddress", "10.0.0.1"), new("Hostname", "edge.infra.svc.cluster.local"), new("Hostname", ""), new("example.com/pool", "blue")],
            gateway.RequestedAddresses.ToArray());
        Assert.Equal([new("IPAddress", "10.96.0.9")], gateway.Addresses.ToArray());
        Assert.True(gateway.Programmed);
        Assert.Equal("team=red", gateway.InfrastructureLabels.ToString());
        Assert.Equal("note=x", gateway.InfrastructureAnnotations.ToString());
        Assert.Equal(["web 80 HTTP *.example.com", "mesh 15008 HBONE ", "tls 443 HTTPS "], gateway.Listeners.Select(l => $"{l.Name} {l.Port} {l.Protocol} {l.Hostname}").ToArray());
        Assert.Equal(AllowedNamespaces.All, gateway.Listeners[0].AllowedNamespaces);
        Assert.Equal(AllowedNamespaces.Same, gateway.Listeners[1].AllowedNamespaces);
        Assert.Equal(
            new AllowedNamespaces.Matching(new LabelSelector
            {
                Labels = new StringMap([KeyValuePair.Create("team", "red")]),
                Demands = [new LabelDemand("stage", LabelOperator.NotIn, ["test"]), new LabelDemand("x", LabelOperator.Exists, [])],
            }),
            gateway.Listeners[2].AllowedNamespaces);
    }

    [Fact]
    public void A_gateway_of_either_version_is_the_same_object()
    {
        string yaml = Listener + "---\n" + Listener.Replace("/v1\n", "/v1beta1\n", StringComparison.Ordinal);

        Assert.Contains("is already defined", Assert.Single(Problems(yaml)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_gateway_without_status_has_no_condition_and_no_address()
    {
        GatewayObject gateway = Only<GatewayObject>(Listener);

        Assert.Null(gateway.Programmed);
        Assert.Empty(gateway.Addresses);
    }

    [Fact]
    public void A_class_names_its_controller()
    {
        GatewayClassObject @class = Only<GatewayClassObject>(ClassHead + "spec:\n  controllerName: istio.io/gateway-controller\n");

        Assert.Equal(("GatewayClass istio", "istio.io/gateway-controller"), (@class.Key.ToString(), @class.ControllerName));
    }

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_told_with_line_object_and_field(string yaml, string problem)
    {
        Assert.Contains(problem, Problems(yaml), StringComparer.Ordinal);
    }

    private static string Expression(string fields) =>
        $"{Listener}    allowedRoutes:\n      namespaces:\n        from: Selector\n        selector:\n          matchExpressions:\n          - {fields}\n";
}
