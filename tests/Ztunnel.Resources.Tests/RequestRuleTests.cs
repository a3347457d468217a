using System.Net;
using System.Text.Json;
using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>What each attribute of a rule matches in requests, from the manifest to the verdict.</summary>
public sealed class RequestRuleTests
{
    private const string Edge = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]";

    private const string Token = """
        {"iss": "https://issuer.example", "sub": "alice", "aud": ["web", "api"], "azp": "portal", "scope": "read write",
         "groups": ["staff", "admins"], "realm": {"roles": ["editor"], "name": "main"}, "level": 3}
        """;

    /// <summary>A rule, a request (method, URL, then headers, "token", "shop" for a caller's namespace, "sni=") and whether it matches.</summary>
    public static TheoryData<string, string, bool> Rules => new()
    {
        { "{}", "GET a.example/", true },
        { "{to: [{operation: {methods: [GET]}}]}", "GET a.example/", true },
        { "{to: [{operation: {methods: [GET]}}]}", "POST a.example/", false },
        { "{to: [{operation: {methods: [\"P*\"]}}]}", "PATCH a.example/", true },
        { "{to: [{operation: {notMethods: [GET]}}]}", "GET a.example/", false },
        { "{to: [{operation: {notMethods: [GET]}}]}", "PUT a.example/", true },

        { "{to: [{operation: {hosts: [a.example]}}]}", "GET a.example/", true },
        { "{to: [{operation: {hosts: [a.example]}}]}", "GET A.Example/", true },
        { "{to: [{operation: {hosts: [A.example]}}]}", "GET a.example:8080/", true },
        { "{to: [{operation: {hosts: [a.example]}}]}", "GET a.example./", true },
        { "{to: [{operation: {hosts: [a.example]}}]}", "GET a.example.:80/", true },
        { "{to: [{operation: {hosts: [\"a.example:*\"]}}]}", "GET a.example:80/", true },
        { "{to: [{operation: {hosts: [\"a.example:*\"]}}]}", "GET a.example/", false },
        { "{to: [{operation: {hosts: [\"*.example\"]}}]}", "GET b.a.example/", true },
        { "{to: [{operation: {hosts: [a.example]}}]}", "GET b.a.example/", false },
        { "{to: [{operation: {hosts: [\"[fd00::1]\"]}}]}", "GET [fd00::1]:80/", true },
        { "{to: [{operation: {notHosts: [a.example]}}]}", "GET a.example:81/", false },

        { "{to: [{operation: {paths: [/status/418]}}]}", "GET a.example/status/418", true },
        { "{to: [{operation: {paths: [/status/418]}}]}", "GET a.example/status/%34%31%38", true },
        { "{to: [{operation: {paths: [/status/418]}}]}", "GET a.example//status/./418", true },
        { "{to: [{operation: {paths: [/status/418]}}]}", "GET a.example/status/4180", false },
        { "{to: [{operation: {paths: [\"/status/*\"]}}]}", "GET a.example/status/418", true },
        { "{to: [{operation: {paths: [\"*/info\"]}}]}", "GET a.example/x/info", true },
        { "{to: [{operation: {paths: [\"/v/{*}/x/{**}\"]}}]}", "GET a.example/v/1/x/y/z", true },
        { "{to: [{operation: {paths: [\"/v/{*}/x/{**}\"]}}]}", "GET a.example/v/1/2/x/y", false },
        { "{to: [{operation: {notPaths: [/healthz]}}]}", "GET a.example/healthz", false },
        { "{to: [{operation: {notPaths: [/healthz]}}]}", "GET a.example/x", true },

        { "{to: [{operation: {ports: [\"80\"]}}]}", "GET a.example/", true },
        { "{to: [{operation: {ports: [\"8080\"]}}]}", "GET a.example:8080/", false },
        { "{when: [{key: destination.port, notValues: [\"80\"]}]}", "GET a.example/", false },
        { "{when: [{key: destination.ip, values: [10.96.0.0/16]}]}", "GET a.example/", true },

        { "{from: [{source: {namespaces: [shop]}}]}", "GET a.example/ shop", true },
        { "{from: [{source: {namespaces: [shop]}}]}", "GET a.example/", false },
        { "{from: [{source: {notPrincipals: [\"*\"]}}]}", "GET a.example/", true },
        { "{from: [{source: {principals: [\"cluster.local/ns/shop/sa/cart\"]}}]}", "GET a.example/ shop", true },
        { "{from: [{source: {notNamespaces: [shop]}}]}", "GET a.example/ shop", false },
        { "{from: [{source: {ipBlocks: [10.0.1.0/24]}}]}", "GET a.example/", true },
        { "{from: [{source: {remoteIpBlocks: [10.0.1.0/24]}}]}", "GET a.example/", false },
        { "{from: [{source: {remoteIpBlocks: [203.0.113.0/24]}}]}", "GET a.example/", true },
        { "{from: [{source: {notRemoteIpBlocks: [203.0.113.0/24]}}]}", "GET a.example/", false },
        { "{when: [{key: remote.ip, values: [203.0.113.7]}]}", "GET a.example/", true },

        { "{from: [{source: {requestPrincipals: [\"*\"]}}]}", "GET a.example/ token", true },
        { "{from: [{source: {requestPrincipals: [\"*\"]}}]}", "GET a.example/", false },
        { "{from: [{source: {notRequestPrincipals: [\"*\"]}}]}", "GET a.example/", true },
        { "{from: [{source: {notRequestPrincipals: [\"*\"]}}]}", "GET a.example/ token", false },
        { "{from: [{source: {requestPrincipals: [https://issuer.example/alice]}}]}", "GET a.example/ token", true },
        { "{from: [{source: {requestPrincipals: [https://issuer.example/bob]}}]}", "GET a.example/ token", false },
        { "{from: [{source: {requestPrincipals: [\"https://issuer.example/*\"]}}]}", "GET a.example/ token", true },
        { "{from: [{source: {requestPrincipals: [\"https://*\"]}}]}", "GET a.example/ token", true },
        { "{from: [{source: {requestPrincipals: [\"*/alice\"]}}]}", "GET a.example/ token", true },
        { "{from: [{source: {requestPrincipals: [\"https://issuer.example/al*\"]}}]}", "GET a.example/ token", true },
        { "{when: [{key: request.auth.principal, values: [\"https://issuer.example/alice\"]}]}", "GET a.example/ token", true },
        { "{when: [{key: request.auth.audiences, values: [api]}]}", "GET a.example/ token", true },
        { "{when: [{key: request.auth.audiences, values: [db]}]}", "GET a.example/ token", false },
        { "{when: [{key: request.auth.presenter, values: [portal]}]}", "GET a.example/ token", true },
        { "{when: [{key: \"request.auth.claims[groups]\", values: [admins]}]}", "GET a.example/ token", true },
        { "{when: [{key: \"request.auth.claims[groups]\", values: [\"adm*\"]}]}", "GET a.example/ token", true },
        { "{when: [{key: \"request.auth.claims[groups]\", notValues: [admins]}]}", "GET a.example/ token", false },
        { "{when: [{key: \"request.auth.claims[groups]\", notValues: [admins]}]}", "GET a.example/", true },
        { "{when: [{key: \"request.auth.claims[realm][roles]\", values: [editor]}]}", "GET a.example/ token", true },
        { "{when: [{key: \"request.auth.claims[realm][name]\", values: [main]}]}", "GET a.example/ token", true },
        { "{when: [{key: \"request.auth.claims[realm][none]\", values: [\"*\"]}]}", "GET a.example/ token", false },
        { "{when: [{key: \"request.auth.claims[scope]\", values: [write]}]}", "GET a.example/ token", true },
        { "{when: [{key: \"request.auth.claims[level]\", values: [\"3\"]}]}", "GET a.example/ token", false },

        { "{when: [{key: \"request.headers[X-Role]\", values: [admin]}]}", "GET a.example/ x-role:admin", true },
        { "{when: [{key: \"request.headers[x-role]\", values: [admin]}]}", "GET a.example/", false },
        { "{when: [{key: \"request.headers[x-role]\", notValues: [admin]}]}", "GET a.example/", true },
        { "{when: [{key: \"request.headers[x-role]\", values: [\"*\"]}]}", "GET a.example/ x-role:", true },
        { "{when: [{key: \"request.headers[x-role]\", values: [\"a*\"], notValues: [admin]}]}", "GET a.example/ x-role:admin", false },
        { "{when: [{key: connection.sni, values: [a.example]}]}", "GET a.example/ sni=a.example", true },
        { "{when: [{key: connection.sni, values: [\"*\"]}]}", "GET a.example/", false },

        { "{to: [{operation: {methods: [GET], paths: [/a]}}]}", "GET a.example/b", false },
        { "{to: [{operation: {methods: [GET]}}], from: [{source: {namespaces: [shop]}}]}", "GET a.example/", false },
        { "{to: [{operation: {paths: [/a]}}, {operation: {methods: [GET]}}]}", "GET a.example/b", true },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_rule_matches_requests_it_names(string rule, string request, bool matches)
    {
        var allow = new World(Policy("p", "ALLOW", rule, spec: Edge));
        var deny = new World(Policy("p", "DENY", rule, spec: Edge));

        Assert.Equal(matches ? "allowed" : "NotAllowedByPolicy", Answer(allow, request));
        Assert.Equal(matches ? "DeniedByPolicy default/p" : "allowed", Answer(deny, request));
        Assert.Empty(Assert.Single(deny.Mesh.Policies.Authorization).DroppedAttributes);
    }

    [Theory]
    [InlineData("{when: [{key: \"experimental.envoy.filters.a.b[c]\", values: [\"[x]\"]}]}", "experimental.envoy.filters.a.b[c]")]
    [InlineData("{when: [{key: \"request.headers[:path]\", values: [/a]}]}", "request.headers[:path]")]
    public void A_rule_with_what_is_not_known_allows_nothing_and_denies_at_least_what_it_would_have(string rule, string dropped)
    {
        var allow = new World(Policy("p", "ALLOW", rule, spec: Edge));
        var deny = new World(Policy("p", "DENY", rule, spec: Edge));

        Assert.Equal("NotAllowedByPolicy", Answer(allow, "GET a.example/"));
        Assert.Equal("DeniedByPolicy default/p", Answer(deny, "GET a.example/"));
        Assert.Contains($"these attributes are not known: {dropped}.", string.Join(' ', Assert.Single(deny.Mesh.Policies.Authorization).Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_custom_policy_refuses_what_it_matches()
    {
        var world = new World(Policy("p", "CUSTOM", "{to: [{operation: {paths: [/admin]}}]}", spec: $"{Edge}, provider: {{name: authz}}"));

        Assert.Equal("ExternalAuthorizerMissing default/p", Answer(world, "GET a.example/admin"));
        Assert.Equal("allowed", Answer(world, "GET a.example/"));
    }

    [Fact]
    public void A_class_is_for_policies_of_the_root_namespace()
    {
        const string Class = "targetRefs: [{group: gateway.networking.k8s.io, kind: GatewayClass, name: istio-waypoint}]";
        var world = new World(Policy("a", "DENY", "{}", spec: Class), Policy("b", "DENY", "{}", "istio-system", Class));

        AuthorizationPolicy[] policies = [.. world.Mesh.Policies.Authorization.OrderBy(policy => policy.Name.Name, StringComparer.Ordinal)];
        Assert.Empty(policies[0].Attachments);
        Assert.Contains("is not in the root namespace istio-system, so that it has no effect on GatewayClass istio-waypoint", policies[0].Notes.AsEnumerable(), StringComparer.Ordinal);
        Assert.Equal(new PolicyAttachment(PolicyAttachmentKind.GatewayClass, "", "istio-waypoint"), Assert.Single(policies[1].Attachments));
    }

    private static string Answer(World world, string request)
    {
        string[] words = request.Split(' ');
        int slash = words[1].IndexOf('/', StringComparison.Ordinal);
        Assert.True(HttpPath.TryNormalize(words[1][slash..], out HttpPath path, out _));
        using var json = JsonDocument.Parse(Token);
        var instance = new Workload { Uid = "u", Name = "edge", Namespace = "default", ServiceAccount = "edge", Identity = SpiffeId.Create("cluster.local", "default", "edge"), Node = "" };
        SpiffeId? caller = words.Contains("shop", StringComparer.Ordinal) ? SpiffeId.Create("cluster.local", "shop", "cart") : null;
        var facts = new HttpAuthorizationFacts
        {
            Connection = ConnectionFacts.Of(instance, IPEndPoint.Parse("10.96.0.1:80"), IPAddress.Parse("10.0.1.1"), caller),
            Method = words[0],
            Host = words[1].AsSpan(0, slash),
            Path = path,
            Headers = new Headers(words),
            Token = words.Contains("token", StringComparer.Ordinal) ? VerifiedToken.Of(json.RootElement) : null,
            RemoteAddress = NetworkAddress.From(IPAddress.Parse("203.0.113.7")),
            ServerName = words.FirstOrDefault(word => word.StartsWith("sni=", StringComparison.Ordinal))?[4..],
        };
        PolicyRefusal? refusal = world.Mesh.PoliciesFor(new HttpPolicyScope([new GatewayName("default", "edge")], instance, null)).AuthorizeRequest(facts).Refusal;
        return refusal is null ? "allowed" : $"{refusal.Reason} {refusal.Policy}".TrimEnd();
    }

    private sealed class Headers(string[] words) : IRequestHeaders
    {
        public string? Find(string name) => words.Skip(2)
            .FirstOrDefault(word => word.StartsWith($"{name}:", StringComparison.OrdinalIgnoreCase))?[(name.Length + 1)..];
    }
}
