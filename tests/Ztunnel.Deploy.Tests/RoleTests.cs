using System.Text.Json.Nodes;
using Ztunnel.Kubernetes;
using Ztunnel.Resources;

namespace Ztunnel.Deploy.Tests;

/// <summary>The roles grant what the program asks for, and nothing else.</summary>
public sealed class RoleTests
{
    /// <summary>What agents and the controller write and look up, beside following kinds of objects.</summary>
    private static readonly Dictionary<string, string[]> Beside = new(StringComparer.Ordinal)
    {
        ["ClusterRole ztunnel"] =
        [
            "create events.events.k8s.io", "patch events.events.k8s.io", // EventRecorder
            "patch pods/status", // ClusterAnnouncer
            "get namespaces", "get pods", // ClusterPods
        ],
        ["Role ztunnel"] = ["get daemonsets.apps ztunnel", "list daemonsets.apps ztunnel", "watch daemonsets.apps ztunnel"], // OwnDaemonSet
        ["ClusterRole ztunnel-gateway"] = [],
        ["Role ztunnel-controller"] =
        [
            "create leases.coordination.k8s.io", "get leases.coordination.k8s.io ztunnel-controller", "update leases.coordination.k8s.io ztunnel-controller", // LeaseHold
            "create secrets", "update secrets ztunnel-ca", // AuthorityKeeper
        ],
        ["ClusterRole ztunnel-controller"] =
        [
            "create events.events.k8s.io", "patch events.events.k8s.io", // EventRecorder
            "create tokenreviews.authentication.k8s.io", // TokenReviewer
            "create configmaps", "patch configmaps istio-ca-root-cert", "list configmaps", "watch configmaps", // RootSpreader, ParameterMaps
            "create gatewayclasses.gateway.networking.k8s.io", // GatewayClassKeeper
            "patch clusterrolebindings.rbac.authorization.k8s.io ztunnel-gateway", "bind clusterroles.rbac.authorization.k8s.io ztunnel-gateway", // GatewayAccounts
            "get secrets", // AuthorityKeeper, and a gateway's role, in which nothing may be that the controller has not
            "get namespaces", "get nodes", "get pods", // with the kinds that statuses are written of
            .. Made("serviceaccounts"), .. Made("services"), .. Made("deployments.apps"), .. Made("poddisruptionbudgets.policy"),
            .. Made("horizontalpodautoscalers.autoscaling"), .. Made("roles.rbac.authorization.k8s.io"), .. Made("rolebindings.rbac.authorization.k8s.io"), // GatewayReconciler
            .. Reported("services"), .. Reported("gateways.gateway.networking.k8s.io"), .. Reported("gatewayclasses.gateway.networking.k8s.io"),
            .. Reported("httproutes.gateway.networking.k8s.io"), .. Reported("grpcroutes.gateway.networking.k8s.io"),
            .. Reported("tlsroutes.gateway.networking.k8s.io"), .. Reported("tcproutes.gateway.networking.k8s.io"),
            .. Reported("serviceentries.networking.istio.io"), .. Reported("workloadentries.networking.istio.io"),
            .. Reported("authorizationpolicies.security.istio.io"), .. Reported("requestauthentications.security.istio.io"),
            .. Reported("peerauthentications.security.istio.io"), // StatusWriter
        ],
    };

    [Theory]
    [InlineData("ClusterRole", "ztunnel", MeshRole.Node)]
    [InlineData("Role", "ztunnel", null)]
    [InlineData("ClusterRole", "ztunnel-gateway", MeshRole.Gateway)]
    [InlineData("ClusterRole", "ztunnel-controller", MeshRole.Controller)]
    [InlineData("Role", "ztunnel-controller", null)]
    public async Task A_role_grants_what_the_program_asks_for_and_nothing_else(string kind, string name, MeshRole? role)
    {
        JsonNode granted = Chart.Objects(await Chart.Render()).Object(kind, name);
        IEnumerable<ObjectKind> followed = role is { } which ? KubernetesSource.KindsOf(which) : [];
        // Secrets are a gateway's by roles that the controller makes, each by its name.
        string[] wanted =
        [
            .. followed.Where(each => role != MeshRole.Gateway || each != ObjectKind.Secret)
                .SelectMany(each => (string[])[$"list {ApiResource.Of(each).FullName}", $"watch {ApiResource.Of(each).FullName}"]),
            .. Beside[$"{kind} {name}"],
        ];

        string[] rules = [.. Rules(granted)];
        Assert.Empty(rules.Except(wanted, StringComparer.Ordinal));
        Assert.Empty(wanted.Except(rules, StringComparer.Ordinal));
    }

    [Fact]
    public async Task Nothing_is_granted_by_a_wildcard_and_agents_see_no_Secret()
    {
        foreach (JsonNode role in Chart.Objects(await Chart.Render()).Where(each => (string?)each["kind"] is "ClusterRole" or "Role"))
        {
            string[] rules = [.. Rules(role)];
            Assert.DoesNotContain(rules, rule => rule.Contains('*', StringComparison.Ordinal));
            if ((string?)role["metadata"]!["name"] is "ztunnel" or "ztunnel-gateway")
                Assert.DoesNotContain(rules, rule => rule.Contains("secrets", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task The_admission_policy_is_for_agents_and_for_what_their_role_lets_them_write()
    {
        IReadOnlyList<JsonNode> objects = Chart.Objects(await Chart.Render("admissionPolicy: {enabled: true}", "mesh"));
        JsonNode policy = objects.Object("ValidatingAdmissionPolicy", "ztunnel")["spec"]!;
        JsonNode binding = objects.Object("ValidatingAdmissionPolicyBinding", "ztunnel")["spec"]!;
        JsonNode agent = objects.Object("DaemonSet", "ztunnel");

        Assert.Equal("ztunnel", (string?)binding["policyName"]);
        Assert.Equal("Deny", (string?)Assert.Single(binding["validationActions"]!.AsArray()));
        Assert.Equal("Fail", (string?)policy["failurePolicy"]);
        JsonNode rule = Assert.Single(policy["matchConstraints"]!["resourceRules"]!.AsArray())!;
        string resource = (string)Assert.Single(rule["resources"]!.AsArray())!;
        Assert.Contains($"patch {resource}", Rules(objects.Object("ClusterRole", "ztunnel")), StringComparer.Ordinal);
        string who = (string)Assert.Single(policy["matchConditions"]!.AsArray())!["expression"]!;
        Assert.EndsWith($"== 'system:serviceaccount:{agent["metadata"]!["namespace"]}:{agent["spec"]!["template"]!["spec"]!["serviceAccountName"]}'", who, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_admission_policy_is_not_promised_to_a_cluster_that_has_none()
    {
        (int exit, _, string error) = await Chart.TryRender(["admissionPolicy: {enabled: true}"], kubeVersion: "v1.29.9");

        Assert.NotEqual(0, exit);
        Assert.Contains("admissionPolicy.enabled", error, StringComparison.Ordinal);
    }

    private static string[] Made(string resource) => [.. new[] { "create", "delete", "get", "list", "patch", "watch" }.Select(verb => $"{verb} {resource}")];

    private static string[] Reported(string resource)
    {
        string[] name = resource.Split('.', 2);
        return [$"get {resource}", $"patch {name[0]}/status{(name.Length > 1 ? $".{name[1]}" : "")}"];
    }

    private static IEnumerable<string> Rules(JsonNode role) =>
        from rule in role["rules"]!.AsArray()
        from verb in rule["verbs"]!.AsArray()
        from resource in rule["resources"]!.AsArray()
        from groupName in rule["apiGroups"]!.AsArray()
        from only in rule["resourceNames"]?.AsArray() ?? [""]
        let full = (string)groupName! == "" ? $"{resource}" : $"{resource}.{groupName}"
        select $"{verb} {full} {only}".TrimEnd();
}
