using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>How policies count together: whom they are about, in which order, and what is said of those that are not enforced.</summary>
public sealed class PolicyTests
{
    private const string Everyone = "{}";
    private const string Shop = "{from: [{source: {namespaces: [shop]}}]}";
    private const string SelectWeb = "selector: {matchLabels: {app: web}}";
    private const string SelectDb = "selector: {matchLabels: {app: db}}";

    private static readonly string[] Pods =
    [
        Namespace("default", "ambient"),
        Pod("web", "10.0.0.1"),
        Pod("db", "10.0.0.2", app: "db"),
        Pod("far", "10.0.0.3", @namespace: "elsewhere"),
    ];

    /// <summary>Policies, and who of bank and shop gets to the pods web, db and far.</summary>
    public static TheoryData<string[], string> Together => new()
    {
        { [], "bank+shop bank+shop bank+shop" },
        { [Policy("a", "ALLOW", Shop)], "shop shop bank+shop" },
        { [Policy("a", "ALLOW", Shop, spec: SelectWeb)], "shop bank+shop bank+shop" },
        { [Policy("a", "ALLOW", Shop, spec: SelectDb)], "bank+shop shop bank+shop" },
        { [Policy("a", "ALLOW", Shop, spec: "selector: {}")], "shop shop bank+shop" },
        { [Policy("a", "ALLOW", Shop, "istio-system")], "shop shop shop" },
        { [Policy("a", "ALLOW", Shop, "istio-system", SelectWeb)], "shop bank+shop shop" },
        { [Policy("a", "ALLOW", null)], " bank+shop" },
        { [Policy("a", "ALLOW", null), Policy("b", "ALLOW", Shop, spec: SelectWeb)], "shop  bank+shop" },
        { [Policy("a", "ALLOW", Shop), Policy("b", "ALLOW", Everyone, "istio-system")], "bank+shop bank+shop bank+shop" },
        { [Policy("a", "DENY", Shop)], "bank bank bank+shop" },
        { [Policy("a", "DENY", Shop), Policy("b", "ALLOW", Everyone)], "bank bank bank+shop" },
        { [Policy("a", "DENY", Shop, "istio-system"), Policy("b", "ALLOW", Shop)], "  bank" },
        { [Policy("a", "DENY", Everyone, spec: SelectDb), Policy("b", "ALLOW", Shop)], "shop  bank+shop" },
        { [Policy("a", "DENY", null)], "bank+shop bank+shop bank+shop" },
        { [Policy("a", "AUDIT", Everyone)], "bank+shop bank+shop bank+shop" },
        { [Policy("a", "CUSTOM", Everyone, spec: "provider: {name: authz}")], "bank+shop bank+shop bank+shop" },
        { [Policy("a", "DENY", Everyone, metadata: "annotations: {istio.io/dry-run: \"true\"}")], "bank+shop bank+shop bank+shop" },
        { [Policy("a", "DENY", Everyone, metadata: "annotations: {istio.io/dry-run: \"false\"}")], "  bank+shop" },
        { [Policy("a", "DENY", Everyone, metadata: "annotations: {istio.io/dry-run: maybe}")], "  bank+shop" },
        { [Policy("a", "ALLOW", null, metadata: "annotations: {istio.io/dry-run: \"true\"}")], "bank+shop bank+shop bank+shop" },
        { [Policy("a", "DENY", Everyone, spec: "targetRefs: [{kind: Service, name: web}]")], "bank+shop bank+shop bank+shop" },
        { [Policy("a", "ALLOW", null, spec: "targetRef: {group: gateway.networking.k8s.io, kind: Gateway, name: w}")], "bank+shop bank+shop bank+shop" },
    };

    /// <summary>PeerAuthentications, and which of the ports 80 and 81 of web, db and far take plaintext.</summary>
    public static TheoryData<string[], string> MutualTls => new()
    {
        { [], "80+81 80+81 80+81" },
        { [PeerAuthentication("a", "STRICT", "istio-system")], "  " },
        { [PeerAuthentication("a", "STRICT")], "  80+81" },
        { [PeerAuthentication("a", "STRICT", spec: SelectWeb)], " 80+81 80+81" },
        { [PeerAuthentication("a", "PERMISSIVE", "istio-system")], "80+81 80+81 80+81" },
        { [PeerAuthentication("a", "STRICT", "istio-system"), PeerAuthentication("b", "PERMISSIVE")], "80+81 80+81 " },
        { [PeerAuthentication("a", "STRICT", "istio-system"), PeerAuthentication("b", "DISABLE")], "80+81 80+81 " },
        { [PeerAuthentication("a", "STRICT", "istio-system"), PeerAuthentication("b", "UNSET")], "  " },
        { [PeerAuthentication("a", "STRICT", "istio-system"), PeerAuthentication("b", null)], "  " },
        { [PeerAuthentication("a", "STRICT"), PeerAuthentication("b", "PERMISSIVE", spec: SelectDb)], " 80+81 80+81" },
        { [PeerAuthentication("a", "STRICT"), PeerAuthentication("b", "UNSET", spec: SelectDb)], "  80+81" },
        { [PeerAuthentication("a", "PERMISSIVE", "istio-system"), PeerAuthentication("b", "UNSET"), PeerAuthentication("c", "STRICT", spec: SelectDb)], "80+81  80+81" },
        { [PeerAuthentication("a", "STRICT", "istio-system", SelectWeb)], "80+81 80+81 80+81" },

        { [PeerAuthentication("a", "STRICT", spec: $"{SelectWeb}, portLevelMtls: {{80: {{mode: PERMISSIVE}}}}")], "80 80+81 80+81" },
        { [PeerAuthentication("a", "STRICT", spec: $"{SelectWeb}, portLevelMtls: {{80: {{mode: DISABLE}}}}")], "80 80+81 80+81" },
        { [PeerAuthentication("a", "STRICT", spec: $"{SelectWeb}, portLevelMtls: {{80: {{mode: UNSET}}}}")], " 80+81 80+81" },
        { [PeerAuthentication("a", "PERMISSIVE", spec: $"{SelectWeb}, portLevelMtls: {{80: {{mode: STRICT}}}}")], "81 80+81 80+81" },
        { [PeerAuthentication("a", null, spec: $"{SelectWeb}, portLevelMtls: {{80: {{mode: STRICT}}}}")], "81 80+81 80+81" },
        { [PeerAuthentication("a", "STRICT", "istio-system"), PeerAuthentication("b", null, spec: $"{SelectWeb}, portLevelMtls: {{80: {{mode: PERMISSIVE}}}}")], "80  " },
        { [PeerAuthentication("a", "STRICT"), PeerAuthentication("b", "PERMISSIVE", spec: $"{SelectWeb}, portLevelMtls: {{80: {{mode: STRICT}}}}")], "81  80+81" },

        // The oldest counts, and one without a date is oldest; of the same age the first by name.
        { [PeerAuthentication("a", "PERMISSIVE", metadata: "creationTimestamp: 2026-01-02T00:00:00Z"), PeerAuthentication("b", "STRICT", metadata: "creationTimestamp: 2026-01-01T00:00:00Z")], "  80+81" },
        { [PeerAuthentication("a", "PERMISSIVE", metadata: "creationTimestamp: 2026-01-02T00:00:00Z"), PeerAuthentication("b", "STRICT")], "  80+81" },
        { [PeerAuthentication("a", "STRICT"), PeerAuthentication("b", "PERMISSIVE")], "  80+81" },
        { [PeerAuthentication("b", "PERMISSIVE"), PeerAuthentication("a", "STRICT")], "  80+81" },
        { [PeerAuthentication("a", "STRICT", spec: SelectWeb), PeerAuthentication("b", "PERMISSIVE", spec: "selector: {matchLabels: {app: web}}")], " 80+81 80+81" },
    };

    [Theory]
    [MemberData(nameof(Together))]
    public void Policies_count_together(string[] policies, string reached)
    {
        foreach (string[] order in new[] { policies, [.. policies.Reverse()] })
        {
            var world = new World([.. Pods, .. order]);

            string[] answers = [.. new[] { "web", "db", "far" }.Select(pod => string.Join('+', new[] { "bank", "shop" }
                .Where(who => world.Judge($"{who}/x 10.0.1.1 80", pod).Allowed)))];

            Assert.Equal(Padded(reached), answers);
        }
    }

    [Theory]
    [MemberData(nameof(MutualTls))]
    public void Plaintext_is_taken_or_refused_by_the_narrowest_that_says_something(string[] policies, string taken)
    {
        var world = new World([.. Pods, .. policies]);

        string[] answers = [.. new[] { "web", "db", "far" }.Select(pod => string.Join('+', new[] { "80", "81" }
            .Where(port => world.Judge($"plaintext 10.0.1.1 {port}", pod).Allowed)))];

        Assert.Equal(Padded(taken), answers);
        Assert.All(["web", "db", "far"], pod => Assert.True(world.Judge("shop/cart 10.0.1.1 80", pod).Allowed));
    }

    [Fact]
    public void A_refusal_names_the_policy_and_the_reason()
    {
        var world = new World([.. Pods, PeerAuthentication("strict", "STRICT", spec: SelectWeb), Policy("none", "DENY", Everyone, spec: SelectDb), Policy("some", "ALLOW", Shop)]);

        Assert.Equal("PlaintextRefused default/strict", world.Answer("plaintext 10.0.1.1 80"));
        Assert.StartsWith("explicitly denied by: default/strict ", world.Judge("plaintext 10.0.1.1 80").Refusal?.Detail, StringComparison.Ordinal);
        Assert.Equal("explicitly denied by: default/none", world.Judge("shop/cart 10.0.1.1 80", "db").Refusal?.Detail);
        Assert.Equal("allow policies exist, but none allowed", world.Judge("bank/till 10.0.1.1 80").Refusal?.Detail);
    }

    [Fact]
    public void Policies_that_are_only_watched_say_what_they_would_have_done()
    {
        const string DryRun = "annotations: {istio.io/dry-run: \"true\"}";
        var world = new World(
            [.. Pods, Policy("allow", "ALLOW", Shop, metadata: DryRun), Policy("deny", "DENY", Shop, metadata: DryRun), Policy("audit", "AUDIT", Shop)]);

        Assert.Equal(["allow WouldAllow", "audit Audited", "deny WouldDeny"], Observed(world.Judge("shop/cart 10.0.1.1 80")));
        Assert.Equal(["allow WouldDeny", "deny WouldAllow"], Observed(world.Judge("bank/till 10.0.1.1 80")));

        world.Put(Policy("enforced", "ALLOW", Everyone));
        Assert.Equal(["allow WouldAllow", "deny WouldAllow"], Observed(world.Judge("bank/till 10.0.1.1 80")));
    }

    [Fact]
    public void Policies_follow_their_manifests_and_the_labels_of_pods()
    {
        var world = new World([.. Pods, Policy("a", "DENY", Everyone, spec: SelectWeb)]);
        Assert.Equal("DeniedByPolicy default/a", world.Answer("shop/cart 10.0.1.1 80"));
        Assert.Equal("allowed", world.Answer("shop/cart 10.0.1.1 80", "db"));

        world.Put(Policy("a", "DENY", Everyone, spec: SelectDb));
        Assert.Equal("allowed", world.Answer("shop/cart 10.0.1.1 80"));
        Assert.Equal("DeniedByPolicy default/a", world.Answer("shop/cart 10.0.1.1 80", "db"));

        world.Put(Pod("web", "10.0.0.1", app: "db"));
        Assert.Equal("DeniedByPolicy default/a", world.Answer("shop/cart 10.0.1.1 80"));

        world.Remove(Policy("a", "DENY", Everyone));
        Assert.Equal("allowed", world.Answer("shop/cart 10.0.1.1 80"));
        Assert.Empty(world.Mesh.Policies.Authorization);

        world.Put(PeerAuthentication("a", "STRICT"));
        Assert.Equal("PlaintextRefused default/a", world.Answer("plaintext 10.0.1.1 80"));
        world.Remove(PeerAuthentication("a", "STRICT"));
        Assert.Equal("allowed", world.Answer("plaintext 10.0.1.1 80"));
    }

    [Fact]
    public void The_root_namespace_is_an_option()
    {
        var world = new World(new TranslatorOptions { RootNamespace = "mesh" }, [.. Pods, Policy("a", "DENY", Everyone, "mesh"), Policy("b", "DENY", Everyone, "istio-system")]);

        Assert.Equal("DeniedByPolicy mesh/a", world.Answer("shop/cart 10.0.1.1 80", "far"));
    }

    [Fact]
    public void A_target_that_does_not_exist_is_told_once_until_it_does()
    {
        const string Told = "AuthorizationPolicy default/a: spec.targetRefs: names Gateway default/waypoynt, which does not exist: enforced nowhere";
        string policy = Policy("a", "DENY", Everyone, spec: "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: waypoynt}]");
        string gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: waypoynt, namespace: default}\n"
            + "spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}\n";

        var world = new World([.. Pods, policy]);
        world.Put(Policy("b", "DENY", Everyone), policy);
        ResourceProblem problem = Assert.Single(world.Translator.Inventory.Snapshot().Problems);
        Assert.EndsWith(Told, problem.ToString(), StringComparison.Ordinal);
        Assert.True(problem.IsRemark);
        Assert.Equal(1, Warnings());

        world.Put(gateway);
        Assert.Empty(world.Problems);
        world.Remove(gateway);
        Assert.EndsWith(Told, Assert.Single(world.Problems), StringComparison.Ordinal);
        Assert.Equal(2, Warnings());

        world.Put(Policy("a", "DENY", Everyone));
        Assert.Empty(world.Problems);

        int Warnings() => world.Log.At(LogLevel.Warning).Count(line => line.EndsWith(Told, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("CUSTOM", "provider: {name: authz}", "the CUSTOM action asks an external authorizer, and there is none: gateways refuse the requests it matches, and it has no effect on connections")]
    [InlineData("DENY", "targetRefs: [{kind: Service, name: web}, {kind: Service, name: db}]", "names Service web, Service db as its target: about requests there, not about connections")]
    public void What_is_not_enforced_on_connections_says_so(string action, string spec, string note)
    {
        var world = new World([.. Pods, Policy("a", action, Everyone, spec: spec)]);

        AuthorizationPolicy policy = Assert.Single(world.Mesh.Policies.Authorization);
        Assert.Equal(Enforcement.None, policy.Enforcement);
        Assert.Equal([note], policy.Notes);
    }

    [Theory]
    [InlineData("DENY", "", "has no rules, so it matches nothing")]
    [InlineData("ALLOW", "", "has no rules, so it allows nothing")]
    [InlineData("DENY", "{from: [{source: {principals: [\"spiffe://a/ns/b/sa/c\"]}}]}", "the principal spiffe://a/ns/b/sa/c matches nobody: principals are written without spiffe://")]
    public void What_a_user_may_not_have_meant_is_said(string action, string rules, string note)
    {
        var world = new World([.. Pods, Policy("a", action, rules)]);

        Assert.Equal([note], Assert.Single(world.Mesh.Policies.Authorization).Notes);
    }

    [Fact]
    public void A_policy_that_cannot_be_enforced_in_full_is_logged_when_it_comes_or_changes()
    {
        const string Methods = "{to: [{operation: {methods: [GET], notPaths: [/a]}}]}", Hosts = "{to: [{operation: {hosts: [a.example]}}]}";
        var world = new World([.. Pods, Policy("a", "DENY", Methods)]);
        world.Put(Policy("b", "DENY", Everyone), Policy("a", "DENY", Methods, metadata: "annotations: {a: b}"));
        string first = Assert.Single(world.Log.At(LogLevel.Warning));

        world.Put(Policy("a", "ALLOW", Hosts));

        string[] logged = world.Log.At(LogLevel.Warning);
        Assert.StartsWith("AuthorizationPolicy default/a is not enforced in full for its attributes methods, notPaths: ", first, StringComparison.Ordinal);
        Assert.Equal(2, logged.Length);
        Assert.StartsWith("AuthorizationPolicy default/a is not enforced in full for its attributes hosts: ", logged[1], StringComparison.Ordinal);
        Assert.EndsWith("The ALLOW rules with them match nothing", logged[1], StringComparison.Ordinal);
    }

    private static string[] Observed(AuthorizationVerdict verdict) =>
        [.. verdict.Observations.Select(observation => $"{observation.Policy.Name.Name} {observation.Outcome}").Order(StringComparer.Ordinal)];

    /// <summary>Three words, of which those left out are empty.</summary>
    private static string[] Padded(string words) => words.Split(' ') is { Length: 3 } all ? all : ["", .. words.Split(' ')];
}
