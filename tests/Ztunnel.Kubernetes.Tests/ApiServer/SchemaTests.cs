using System.Text.Json.Nodes;

namespace Ztunnel.Kubernetes.Tests.Server;

/// <summary>What objects do not say is filled in, and what cannot be is refused with the fields it is about.</summary>
public sealed class SchemaTests
{
    private const string Default = "/api/v1/namespaces/default";
    private const string Gateways = "/apis/gateway.networking.k8s.io/v1/namespaces/default/gateways";
    private const string Routes = "/apis/gateway.networking.k8s.io/v1/namespaces/default/httproutes";

    [Fact]
    public async Task A_pod_gets_what_it_does_not_say()
    {
        await using Api api = await Api.Start();
        Answer pod = await api.Post(Default + "/pods", Pod("""{"name":"c","image":"nginx","ports":[{"containerPort":80}],"readinessProbe":{"httpGet":{"port":80}}}"""));
        Assert.Equal(("Always", "default", "Pending", "30"), (
            pod["spec.restartPolicy"], pod["spec.serviceAccountName"], pod["status.phase"], pod["spec.terminationGracePeriodSeconds"]));
        Assert.Equal(("Always", "TCP", "10", "/"), (
            pod["spec.containers.0.imagePullPolicy"], pod["spec.containers.0.ports.0.protocol"],
            pod["spec.containers.0.readinessProbe.periodSeconds"], pod["spec.containers.0.readinessProbe.httpGet.path"]));

        Answer image = await api.Merge(Default + "/pods/p", """{"spec":{"nodeName":"n"}}""");
        Assert.Equal((422, "spec"), (image.Code, image["details.causes.0.field"]));
        Assert.Equal(201, (await api.Post(Default + "/pods/p/binding", """{"target":{"name":"n"}}""")).Code);
        Assert.Equal("n", (await api.Get(Default + "/pods/p"))["spec.nodeName"]);
        Assert.Equal(409, (await api.Post(Default + "/pods/p/binding", """{"target":{"name":"m"}}""")).Code);
    }

    [Theory]
    [InlineData("""{"name":"c"}""", "spec.containers[0].image", "FieldValueRequired")]
    [InlineData("""{"name":"c","image":"i","ports":[{"containerPort":70000}]}""", "spec.containers[0].ports[0].containerPort", "FieldValueInvalid")]
    [InlineData("""{"name":"c","image":"i","imagePullPolicy":"Sometimes"}""", "spec.containers[0].imagePullPolicy", "FieldValueNotSupported")]
    [InlineData("""{"name":"c","image":"i"},{"name":"c","image":"i"}""", "spec.containers[1].name", "FieldValueDuplicate")]
    [InlineData("""{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/v"}]}""", "spec.containers[0].volumeMounts[0].name", "FieldValueNotFound")]
    public async Task A_wrong_pod_is_refused(string containers, string field, string reason)
    {
        await using Api api = await Api.Start();
        await Refused(api, Default + "/pods", Pod(containers), field, reason);
    }

    [Fact]
    public async Task A_service_gets_addresses_of_its_own_and_keeps_them()
    {
        await using Api api = await Api.Start();
        Answer first = await api.Post(Default + "/services", Service("a", """{"ports":[{"port":80}]}"""));
        Answer second = await api.Post(Default + "/services", Service("b", """{"ports":[{"port":80}],"ipFamilyPolicy":"PreferDualStack","type":"LoadBalancer"}"""));
        Assert.StartsWith("10.96.", first["spec.clusterIP"]);
        Assert.Equal((first["spec.clusterIP"], null, "ClusterIP", "TCP", "80", "None"), (
            first["spec.clusterIPs.0"], first["spec.clusterIPs.1"], first["spec.type"], first["spec.ports.0.protocol"],
            first["spec.ports.0.targetPort"], first["spec.sessionAffinity"]));
        Assert.False(first["spec.clusterIP"] == second["spec.clusterIP"]);
        Assert.StartsWith("fd00:10:96::", second["spec.clusterIPs.1"]);
        Assert.Equal(("IPv4", "IPv6", "Cluster"), (second["spec.ipFamilies.0"], second["spec.ipFamilies.1"], second["spec.externalTrafficPolicy"]));
        Assert.InRange(int.Parse(second["spec.ports.0.nodePort"]!), 30000, 32767);

        Answer replaced = await api.Put(Default + "/services/a", Service("a", """{"ports":[{"port":81}]}"""));
        Assert.Equal((200, first["spec.clusterIP"]), (replaced.Code, replaced["spec.clusterIP"]));
        Answer moved = await api.Merge(Default + "/services/a", """{"spec":{"clusterIP":"10.96.1.1","clusterIPs":["10.96.1.1"]}}""");
        Assert.Equal((422, "spec.clusterIPs[0]"), (moved.Code, moved["details.causes.0.field"]));
        Answer inside = await api.Merge(Default + "/services/b", """{"spec":{"type":"ClusterIP"}}""");
        Assert.Equal((null, null), (inside["spec.ports.0.nodePort"], inside["spec.externalTrafficPolicy"]));
        Answer headless = await api.Post(Default + "/services", Service("c", """{"clusterIP":"None"}"""));
        Assert.Equal((201, "None"), (headless.Code, headless["spec.clusterIPs.0"]));
        await Refused(api, Default + "/services", Service("d", """{"ports":[{"port":80},{"port":81}]}"""), "spec.ports[0].name", "FieldValueRequired");
        await Refused(api, Default + "/services", Service("1d", """{"ports":[{"port":80}]}"""), "metadata.name", "FieldValueInvalid");
    }

    [Fact]
    public async Task A_deployment_gets_a_strategy_and_keeps_its_selector()
    {
        await using Api api = await Api.Start();
        const string Path = "/apis/apps/v1/namespaces/default/deployments";
        string text = """
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"app":"d"}},
             "template":{"metadata":{"labels":{"app":"d"}},"spec":{"containers":[{"name":"c","image":"i:1"}]}}}}
            """;
        Answer made = await api.Post(Path, text);
        Assert.Equal(("1", "25%", "IfNotPresent", "ClusterFirst"), (
            made["spec.replicas"], made["spec.strategy.rollingUpdate.maxSurge"], made["spec.template.spec.containers.0.imagePullPolicy"],
            made["spec.template.spec.dnsPolicy"]));
        Answer other = await api.Merge(Path + "/d", """{"spec":{"selector":{"matchLabels":{"app":"e"}}}}""");
        Assert.Equal((422, "spec.selector"), (other.Code, other["details.causes.0.field"]));
        await Refused(
            api, Path, text.Replace("\"labels\":{\"app\":\"d\"}", "\"labels\":{}", StringComparison.Ordinal), "spec.template.metadata.labels", "FieldValueInvalid");
    }

    [Fact]
    public async Task A_route_gets_the_defaults_of_its_definition()
    {
        await using Api api = await Api.Start();
        Answer route = await api.Post(Routes, Route("""{"parentRefs":[{"name":"g"}],"rules":[{"backendRefs":[{"name":"s","port":80}]}]}"""));
        Assert.Equal(("gateway.networking.k8s.io", "Gateway", "PathPrefix", "/", "1", "Service"), (
            route["spec.parentRefs.0.group"], route["spec.parentRefs.0.kind"], route["spec.rules.0.matches.0.path.type"],
            route["spec.rules.0.matches.0.path.value"], route["spec.rules.0.backendRefs.0.weight"], route["spec.rules.0.backendRefs.0.kind"]));
        Answer gateway = await api.Post(Gateways, Gateway("""{"name":"http","port":80,"protocol":"HTTP"}"""));
        Assert.Equal(("Same", "Programmed", "Pending"), (
            gateway["spec.listeners.0.allowedRoutes.namespaces.from"], gateway["status.conditions.1.type"], gateway["status.conditions.1.reason"]));
    }

    [Theory]
    [InlineData("""{"port":80,"protocol":"HTTP"}""", "spec.listeners[0].name", "FieldValueRequired")]
    [InlineData("""{"name":"a","port":0,"protocol":"HTTP"}""", "spec.listeners[0].port", "FieldValueInvalid")]
    [InlineData("""{"name":"a","port":80,"protocol":"HTTP","tls":{}}""", "spec.listeners", "FieldValueInvalid")]
    [InlineData("""{"name":"a","port":80,"protocol":"HTTP"},{"name":"b","port":80,"protocol":"HTTP"}""", "spec.listeners", "FieldValueInvalid")]
    [InlineData("""{"name":"a","port":80,"protocol":"HTTP","allowedRoutes":{"namespaces":{"from":"Some"}}}""", "spec.listeners[0].allowedRoutes.namespaces.from", "FieldValueNotSupported")]
    [InlineData("""{"name":"a","port":80,"protocol":"HTTP","hostname":"Bad_Name"}""", "spec.listeners[0].hostname", "FieldValueInvalid")]
    public async Task A_wrong_gateway_is_refused(string listeners, string field, string reason)
    {
        await using Api api = await Api.Start();
        await Refused(api, Gateways, Gateway(listeners), field, reason);
    }

    [Theory]
    [InlineData("""{"rules":[{"matches":[{"path":{"value":"x"}}]}]}""", "spec.rules[0].matches[0].path", "FieldValueInvalid")]
    [InlineData("""{"rules":[{"matches":[{"path":{"type":"Glob"}}]}]}""", "spec.rules[0].matches[0].path.type", "FieldValueNotSupported")]
    [InlineData("""{"rules":[{"backendRefs":[{"name":"s"}]}]}""", "spec.rules[0].backendRefs[0]", "FieldValueInvalid")]
    [InlineData("""{"rules":[{"filters":[{"type":"Magic"}]}]}""", "spec.rules[0].filters[0].type", "FieldValueNotSupported")]
    public async Task A_wrong_route_is_refused(string spec, string field, string reason)
    {
        await using Api api = await Api.Start();
        await Refused(api, Routes, Route(spec), field, reason);
    }

    [Fact]
    public async Task A_status_has_whole_conditions()
    {
        await using Api api = await Api.Start();
        await api.Post(Gateways, Gateway("""{"name":"http","port":80,"protocol":"HTTP"}"""));
        Answer status = await api.Merge(Gateways + "/g/status", """{"status":{"conditions":[{"type":"Accepted","status":"Yes"}]}}""");
        Assert.Equal(422, status.Code);
        Assert.Equal(
            "status.conditions[0].lastTransitionTime status.conditions[0].message status.conditions[0].reason status.conditions[0].status",
            string.Join(' ', status.Json["details"]!["causes"]!.AsArray().Select(cause => (string?)cause!["field"]).Order(StringComparer.Ordinal)));
    }

    [Fact]
    public async Task A_secret_keeps_text_as_bytes_and_what_is_frozen_stays()
    {
        await using Api api = await Api.Start();
        Answer secret = await api.Post(Default + "/secrets", """
            {"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"a":"text"},"immutable":true}
            """);
        Assert.Equal(("Opaque", "dGV4dA==", null), (secret["type"], secret["data.a"], secret["stringData"]));
        Assert.Equal(422, (await api.Merge(Default + "/secrets/s", """{"data":{"a":"eA=="}}""")).Code);
        Assert.Equal(200, (await api.Merge(Default + "/secrets/s", """{"metadata":{"labels":{"a":"b"}}}""")).Code);
        Assert.Equal(422, (await api.Merge(Default + "/secrets/s", """{"metadata":{"labels":{"a":"b c"}}}""")).Code);
        await Refused(
            api, "/apis/security.istio.io/v1/namespaces/default/authorizationpolicies",
            """{"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{"name":"a"},"spec":{"action":"PERHAPS"}}""",
            "spec.action", "FieldValueNotSupported");
        await Refused(api, Default + "/configmaps", ObjectTests.ConfigMap("Bad_Name", "x"), "metadata.name", "FieldValueInvalid");
    }

    private static async Task Refused(Api api, string path, string body, string field, string reason)
    {
        Answer answer = await api.Post(path, body);
        Assert.Equal((422, "Invalid"), (answer.Code, answer["reason"]));
        JsonArray causes = answer.Json["details"]!["causes"]!.AsArray();
        Assert.Contains((field, reason), causes.Select(cause => ((string?)cause!["field"], (string?)cause["reason"])));
        Assert.Contains($"is invalid: ", answer["message"]);
    }

    private static string Pod(string containers) =>
        $$"""{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{{containers}}]} }""";

    private static string Service(string name, string spec) =>
        $$"""{"apiVersion":"v1","kind":"Service","metadata":{"name":"{{name}}"},"spec":{{spec}} }""";

    private static string Gateway(string listeners) => $$"""
        {"apiVersion":"gateway.networking.k8s.io/v1","kind":"Gateway","metadata":{"name":"g"},
         "spec":{"gatewayClassName":"istio","listeners":[{{listeners}}]} }
        """;

    private static string Route(string spec) =>
        $$"""{"apiVersion":"gateway.networking.k8s.io/v1","kind":"HTTPRoute","metadata":{"name":"r"},"spec":{{spec}} }""";
}
