using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>What each attribute of a rule matches, from the manifest to the verdict.</summary>
public sealed class AuthorizationRuleTests
{
    private static readonly string[] Pods =
    [
        Namespace("default", "ambient"),
        Pod("web", "10.0.0.1", status: "podIPs: [{ip: 10.0.0.1}, {ip: \"fd00::1\"}]"),
    ];

    public static TheoryData<string, string, bool> Rules => new()
    {
        { "{}", "shop/cart 10.0.1.1 8080", true },
        { "{}", "plaintext 10.0.1.1 8080", true },

        { "{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}", "shop/cart2 10.0.1.1 8080", false },
        { "{from: [{source: {principals: [cluster.local/ns/shop/sa/cart]}}]}", "plaintext 10.0.1.1 8080", false },
        { "{from: [{source: {principals: [\"spiffe://cluster.local/ns/shop/sa/cart\"]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {principals: [a, cluster.local/ns/shop/sa/cart]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {principals: [\"cluster.local/ns/shop/*\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {principals: [\"cluster.local/ns/shop/*\"]}}]}", "shopping/cart 10.0.1.1 8080", false },
        { "{from: [{source: {principals: [\"*/sa/cart\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {principals: [\"*/sa/cart\"]}}]}", "shop/ecart 10.0.1.1 8080", false },
        { "{from: [{source: {principals: [\"*\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {principals: [\"*\"]}}]}", "plaintext 10.0.1.1 8080", false },
        { "{from: [{source: {notPrincipals: [\"*\"]}}]}", "plaintext 10.0.1.1 8080", true },
        { "{from: [{source: {notPrincipals: [\"*\"]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/cart]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/cart]}}]}", "shop/till 10.0.1.1 8080", true },
        { "{from: [{source: {notPrincipals: [cluster.local/ns/shop/sa/cart]}}]}", "plaintext 10.0.1.1 8080", true },

        { "{from: [{source: {namespaces: [shop]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {namespaces: [shop]}}]}", "bank/cart 10.0.1.1 8080", false },
        { "{from: [{source: {namespaces: [shop]}}]}", "plaintext 10.0.1.1 8080", false },
        { "{from: [{source: {namespaces: [\"sh*\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {namespaces: [\"*op\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {namespaces: [\"*\"]}}]}", "plaintext 10.0.1.1 8080", false },
        { "{from: [{source: {notNamespaces: [shop]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {notNamespaces: [shop]}}]}", "bank/cart 10.0.1.1 8080", true },
        { "{from: [{source: {notNamespaces: [shop]}}]}", "plaintext 10.0.1.1 8080", true },

        { "{from: [{source: {serviceAccounts: [shop/cart]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {serviceAccounts: [shop/cart]}}]}", "other.example/shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {serviceAccounts: [shop/cart]}}]}", "bank/cart 10.0.1.1 8080", false },
        { "{from: [{source: {serviceAccounts: [shop/cart]}}]}", "plaintext 10.0.1.1 8080", false },
        { "{from: [{source: {serviceAccounts: [cart]}}]}", "default/cart 10.0.1.1 8080", true },
        { "{from: [{source: {serviceAccounts: [cart]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {notServiceAccounts: [shop/cart]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {notServiceAccounts: [shop/cart]}}]}", "shop/till 10.0.1.1 8080", true },

        { "{from: [{source: {trustDomains: [other.example]}}]}", "other.example/shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {trustDomains: [other.example]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {notTrustDomains: [other.example]}}]}", "shop/cart 10.0.1.1 8080", true },

        { "{from: [{source: {ipBlocks: [10.0.1.1]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {ipBlocks: [10.0.1.1]}}]}", "shop/cart 10.0.1.2 8080", false },
        { "{from: [{source: {ipBlocks: [10.0.1.77/24]}}]}", "plaintext 10.0.1.1 8080", true },
        { "{from: [{source: {ipBlocks: [10.0.1.0/24]}}]}", "shop/cart 10.0.2.1 8080", false },
        { "{from: [{source: {ipBlocks: [\"fd00:1::/32\"]}}]}", "shop/cart fd00:1::7 8080", true },
        { "{from: [{source: {ipBlocks: [\"fd00:1::/32\"]}}]}", "shop/cart fd00:2::7 8080", false },
        { "{from: [{source: {ipBlocks: [0.0.0.0/0]}}]}", "shop/cart fd00:1::7 8080", false },
        { "{from: [{source: {ipBlocks: [\"::/0\"]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {notIpBlocks: [10.0.1.0/24]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {notIpBlocks: [10.0.1.0/24]}}]}", "shop/cart 10.0.2.1 8080", true },

        { "{to: [{operation: {ports: [\"8080\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{to: [{operation: {ports: [\"80\", \"8080\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{to: [{operation: {ports: [\"80\"]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{to: [{operation: {notPorts: [\"80\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{to: [{operation: {notPorts: [\"8080\"]}}]}", "shop/cart 10.0.1.1 8080", false },

        { "{when: [{key: source.ip, values: [10.0.1.0/24]}]}", "shop/cart 10.0.1.1 8080", true },
        { "{when: [{key: source.ip, notValues: [10.0.1.0/24]}]}", "shop/cart 10.0.1.1 8080", false },
        { "{when: [{key: source.namespace, values: [shop]}]}", "shop/cart 10.0.1.1 8080", true },
        { "{when: [{key: source.namespace, notValues: [shop]}]}", "bank/cart 10.0.1.1 8080", true },
        { "{when: [{key: source.principal, values: [\"*/sa/cart\"]}]}", "shop/cart 10.0.1.1 8080", true },
        { "{when: [{key: source.principal, notValues: [\"*\"]}]}", "plaintext 10.0.1.1 8080", true },
        { "{when: [{key: source.serviceAccount, values: [shop/cart]}]}", "shop/cart 10.0.1.1 8080", true },
        { "{when: [{key: source.serviceAccount, notValues: [shop/cart]}]}", "shop/cart 10.0.1.1 8080", false },
        { "{when: [{key: source.trustDomain, values: [cluster.local]}]}", "shop/cart 10.0.1.1 8080", true },
        { "{when: [{key: destination.ip, values: [10.0.0.0/24]}]}", "shop/cart 10.0.1.1 8080", true },
        { "{when: [{key: destination.ip, values: [10.0.0.0/24]}]}", "shop/cart fd00:1::7 8080", false },
        { "{when: [{key: destination.ip, notValues: [\"fd00::1\"]}]}", "shop/cart fd00:1::7 8080", false },
        { "{when: [{key: destination.port, values: [\"8080\"]}]}", "shop/cart 10.0.1.1 8080", true },
        { "{when: [{key: destination.port, notValues: [\"8080\"]}]}", "shop/cart 10.0.1.1 8080", false },
        { "{when: [{key: source.namespace, values: [\"s*\"], notValues: [shop]}]}", "shop/cart 10.0.1.1 8080", false },
        { "{when: [{key: source.namespace, values: [\"s*\"], notValues: [shop]}]}", "spa/cart 10.0.1.1 8080", true },

        // All fields of a source, one of several sources; from and to and every when.
        { "{from: [{source: {namespaces: [shop], ipBlocks: [10.0.1.1]}}]}", "shop/cart 10.0.1.2 8080", false },
        { "{from: [{source: {namespaces: [bank]}}, {source: {ipBlocks: [10.0.1.1]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{from: [{source: {namespaces: [shop]}}], to: [{operation: {ports: [\"80\"]}}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {namespaces: [shop]}}], to: [{operation: {ports: [\"80\"]}}, {operation: {ports: [\"8080\"]}}]}", "shop/cart 10.0.1.1 8080", true },
        { "{when: [{key: source.ip, values: [10.0.1.1]}, {key: source.namespace, values: [bank]}]}", "shop/cart 10.0.1.1 8080", false },
        { "{from: [{source: {namespaces: [shop], notPrincipals: [\"*/sa/cart\"]}}]}", "shop/cart 10.0.1.1 8080", false },
    };

    /// <summary>A rule, a connection that meets all of it that connections have, and what was dropped.</summary>
    public static TheoryData<string, string> RulesAboutRequests => new()
    {
        { "{to: [{operation: {methods: [GET]}}]}", "methods" },
        { "{to: [{operation: {notMethods: [GET], hosts: [a.example]}}]}", "hosts, notMethods" },
        { "{to: [{operation: {paths: [\"/admin*\"], ports: [\"8080\"]}}]}", "paths" },
        { "{from: [{source: {requestPrincipals: [\"*\"]}}]}", "requestPrincipals" },
        { "{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}", "remoteIpBlocks" },
        { "{from: [{source: {notRemoteIpBlocks: [10.0.0.0/8], namespaces: [shop]}}]}", "notRemoteIpBlocks" },
        { "{from: [{source: {namespaces: [bank]}}, {source: {requestPrincipals: [a/b]}}]}", "requestPrincipals" },
        { "{when: [{key: \"request.headers[x-token]\", values: [secret]}]}", "request.headers[x-token]" },
        { "{when: [{key: remote.ip, values: [203.0.113.7]}]}", "remote.ip" },
        { "{when: [{key: connection.sni, notValues: [a.example]}, {key: source.namespace, values: [shop]}]}", "connection.sni" },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_rule_matches_what_it_names(string rule, string connection, bool matches)
    {
        var allow = new World([.. Pods, Policy("p", "ALLOW", rule)]);
        var deny = new World([.. Pods, Policy("p", "DENY", rule)]);

        Assert.Equal(matches ? "allowed" : "NotAllowedByPolicy", allow.Answer(connection));
        Assert.Equal(matches ? "DeniedByPolicy default/p" : "allowed", deny.Answer(connection));
        Assert.Equal(Enforcement.Full, Assert.Single(deny.Mesh.Policies.Authorization).Enforcement);
    }

    [Theory]
    [MemberData(nameof(RulesAboutRequests))]
    public void A_rule_about_requests_allows_nothing_and_denies_at_least_what_it_would_have(string rule, string dropped)
    {
        const string Connection = "shop/cart 10.0.1.1 8080";
        var allow = new World([.. Pods, Policy("p", "ALLOW", rule)]);
        var deny = new World([.. Pods, Policy("p", "DENY", rule)]);

        Assert.Equal("NotAllowedByPolicy", allow.Answer(Connection));
        Assert.Equal("DeniedByPolicy default/p", deny.Answer(Connection));
        foreach (World world in new[] { allow, deny })
        {
            AuthorizationPolicy policy = Assert.Single(world.Mesh.Policies.Authorization);
            Assert.Equal(Enforcement.Partial, policy.Enforcement);
            Assert.Equal(dropped, string.Join(", ", policy.DroppedAttributes));
            Assert.Contains($"{dropped}.", Assert.Single(policy.Notes), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_is_left_of_a_deny_rule_about_requests_still_counts()
    {
        var world = new World([.. Pods, Policy("p", "DENY", "{from: [{source: {namespaces: [shop]}}], to: [{operation: {methods: [GET]}}]}")]);

        Assert.Equal("DeniedByPolicy default/p", world.Answer("shop/cart 10.0.1.1 8080"));
        Assert.Equal("allowed", world.Answer("bank/till 10.0.1.1 8080"));
    }

    [Fact]
    public void Other_rules_of_an_allow_policy_with_a_rule_about_requests_still_allow()
    {
        var world = new World([.. Pods, Policy("p", "ALLOW", "{to: [{operation: {methods: [GET]}}]}, {from: [{source: {namespaces: [shop]}}]}")]);

        Assert.Equal("allowed", world.Answer("shop/cart 10.0.1.1 8080"));
        Assert.Equal("NotAllowedByPolicy", world.Answer("bank/till 10.0.1.1 8080"));
    }

    [Theory]
    [InlineData("cluster.local/ns/shop/sa/cart", "new.example/shop/cart", true)]
    [InlineData("new.example/ns/shop/sa/cart", "new.example/shop/cart", true)]
    [InlineData("old.example/ns/shop/sa/cart", "new.example/shop/cart", true)]
    [InlineData("new.example/ns/shop/sa/cart", "old.example/shop/cart", true)]
    [InlineData("*.example/ns/shop/sa/cart", "old.example/shop/cart", true)]
    [InlineData("far.example/ns/shop/sa/cart", "new.example/shop/cart", false)]
    [InlineData("far.example/ns/shop/sa/cart", "far.example/shop/cart", true)]
    [InlineData("*/ns/shop/sa/cart", "far.example/shop/cart", true)]
    public void A_principal_of_one_of_the_meshs_trust_domains_means_all_of_them(string principal, string who, bool allowed)
    {
        var options = new TranslatorOptions { TrustDomain = "new.example", TrustDomainAliases = ["old.example"] };
        var world = new World(options, [.. Pods, Policy("p", "ALLOW", $"{{from: [{{source: {{principals: [\"{principal}\"]}}}}]}}")]);

        Assert.Equal(allowed ? "allowed" : "NotAllowedByPolicy", world.Answer($"{who} 10.0.1.1 8080"));
    }
}
