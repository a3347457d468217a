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
    [InlineData("ClusterRole", "ztunnel-gateway", MeshRole.Gateway)]
    [InlineData("ClusterRole", "ztunnel-controller", MeshRole.Controller)]
    [InlineData("Role", "ztunnel-controller", null)]
    public async Task A_role_grants_what_the_program_asks_for_and_nothing_else(string kind, string name, MeshRole? role)
    {
        JsonNode granted = Chart.Objects(await Chart.Render()).Object(kind, name);
        IEnumerable<ObjectKind> followed = role is { } which ? KubernetesSource.KindsOf(which) : [];
        // Secrets are a gateway's by a role in its own namespace, which the controller makes.
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
