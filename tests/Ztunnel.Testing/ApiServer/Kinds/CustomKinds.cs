using System.Collections.Immutable;

namespace Ztunnel.Testing.Api;

/// <summary>The kinds that come with CustomResourceDefinitions: those of the Gateway API and of Istio.</summary>
internal static class CustomKinds
{
    public const string GatewayGroup = "gateway.networking.k8s.io";

    public static readonly ResourceKind Gateways = GatewayApi("gateways", "Gateway", ["v1", "v1beta1"], "gtw") with
    {
        Shape = Shapes.Gateway,
        Schema = GatewaySchemas.Gateway,
        Columns = "Class=spec.gatewayClassName; Address=status.addresses[0].value; Programmed=status.conditions[Programmed].status; Age",
    };

    /// <summary>The Gateway API, both channels.</summary>
    public static readonly ImmutableArray<ResourceKind> OfGatewayApi =
    [
        GatewayApi("gatewayclasses", "GatewayClass", ["v1", "v1beta1"], "gc") with
        {
            Namespaced = false,
            Schema = GatewaySchemas.GatewayClass,
            Columns = "Controller=spec.controllerName; Accepted=status.conditions[Accepted].status; Age; +Description=spec.description",
        },
        Gateways,
        GatewayApi("httproutes", "HTTPRoute", ["v1", "v1beta1"]) with { Schema = GatewaySchemas.HttpRoute, Columns = "Hostnames=spec.hostnames; Age" },
        GatewayApi("grpcroutes", "GRPCRoute", ["v1"]) with { Schema = GatewaySchemas.GrpcRoute, Columns = "Hostnames=spec.hostnames; Age" },
        GatewayApi("referencegrants", "ReferenceGrant", ["v1beta1"], "refgrant") with { HasStatus = false, Schema = GatewaySchemas.ReferenceGrant },
        GatewayApi("tlsroutes", "TLSRoute", ["v1alpha2", "v1alpha3"]) with { Schema = GatewaySchemas.StreamRoute },
        GatewayApi("tcproutes", "TCPRoute", ["v1alpha2"]) with { Schema = GatewaySchemas.StreamRoute },
        GatewayApi("udproutes", "UDPRoute", ["v1alpha2"]) with { Schema = GatewaySchemas.StreamRoute },
        GatewayApi("backendtlspolicies", "BackendTLSPolicy", ["v1alpha3", "v1"], "btlspolicy") with { Schema = GatewaySchemas.BackendTlsPolicy },
    ];

    /// <summary>Istio's kinds.</summary>
    public static readonly ImmutableArray<ResourceKind> OfIstio =
    [
        Istio("security", "authorizationpolicies", "AuthorizationPolicy", "ap") with
        {
            Schema = PlainSchemas.AuthorizationPolicy,
            Columns = "Action=spec.action; Age",
        },
        Istio("security", "peerauthentications", "PeerAuthentication", "pa") with { Schema = PlainSchemas.PeerAuthentication, Columns = "Mode=spec.mtls.mode; Age" },
        Istio("security", "requestauthentications", "RequestAuthentication", "ra"),
        Istio("networking", "destinationrules", "DestinationRule", "dr") with { Schema = PlainSchemas.DestinationRule, Columns = "Host=spec.host; Age" },
        Istio("networking", "serviceentries", "ServiceEntry", "se") with
        {
            Schema = PlainSchemas.ServiceEntry,
            Columns = "Hosts=spec.hosts; Location=spec.location; Resolution=spec.resolution; Age",
        },
        Istio("networking", "workloadentries", "WorkloadEntry", "we") with { Columns = "Age; Address=spec.address" },
        Istio("networking", "workloadgroups", "WorkloadGroup", "wg"),
        Istio("networking", "virtualservices", "VirtualService", "vs") with { Columns = "Gateways=spec.gateways; Hosts=spec.hosts; Age" },
        Istio("networking", "gateways", "Gateway", "gw"),
        Istio("networking", "sidecars", "Sidecar"),
        Istio("networking", "envoyfilters", "EnvoyFilter") with { Versions = ["v1alpha3"] },
        Istio("networking", "proxyconfigs", "ProxyConfig") with { Versions = ["v1beta1"] },
        Istio("telemetry", "telemetries", "Telemetry", "telemetry") with { Versions = ["v1", "v1alpha1"] },
        Istio("extensions", "wasmplugins", "WasmPlugin") with { Versions = ["v1alpha1"] },
    ];

    private static ResourceKind GatewayApi(string plural, string kind, ImmutableArray<string> versions, params string[] shortNames) => new()
    {
        Group = GatewayGroup,
        Versions = versions,
        Plural = plural,
        Kind = kind,
        ShortNames = [.. shortNames],
        Categories = ["gateway-api"],
        Custom = true,
        HasStatus = true,
        HasGeneration = true,
        Shape = Shapes.Conditioned,
    };

    private static ResourceKind Istio(string group, string plural, string kind, params string[] shortNames) => new()
    {
        Group = $"{group}.istio.io",
        Versions = group == "networking" ? ["v1", "v1beta1", "v1alpha3"] : ["v1", "v1beta1"],
        Plural = plural,
        Kind = kind,
        ShortNames = [.. shortNames],
        Categories = ["istio-io", $"{group}-istio-io"],
        Custom = true,
        HasStatus = true,
        HasGeneration = true,
    };
}
