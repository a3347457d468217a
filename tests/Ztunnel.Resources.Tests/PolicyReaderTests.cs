using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.Manifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Mistakes in policies: how they are told, and that none of them opens a door.</summary>
public sealed class PolicyReaderTests
{
    private static readonly string[] Pods = [Namespace("default", "ambient"), Pod("web", "10.0.0.1"), Pod("db", "10.0.0.2", app: "db")];

    /// <summary>The body of an AuthorizationPolicy, and what is wrong with it.</summary>
    public static TheoryData<string, string> Authorization => new()
    {
        { "{action: PERMIT}", "spec.action: expected ALLOW or DENY or AUDIT or CUSTOM, got \"PERMIT\"" },
        { "{rules: {}}", "spec.rules: expected a list, got a mapping" },
        { "{rules: [null]}", "spec.rules[0]: must not be empty; {} is the rule that matches everything" },
        { "{rules: [{from: []}]}", "spec.rules[0].from: must not be empty; without it anything matches" },
        { "{rules: [{to: []}]}", "spec.rules[0].to: must not be empty; without it anything matches" },
        { "{rules: [{from: [{}]}]}", "spec.rules[0].from[0].source: needs at least one attribute" },
        { "{rules: [{from: [{source: {}}]}]}", "spec.rules[0].from[0].source: needs at least one attribute" },
        { "{rules: [{from: [{source: {principals: []}}]}]}", "spec.rules[0].from[0].source: needs at least one attribute" },
        { "{rules: [{to: [{operation: {}}]}]}", "spec.rules[0].to[0].operation: needs at least one attribute" },
        { "{rules: [{from: [{source: {principals: a}}]}]}", "spec.rules[0].from[0].source.principals: expected a list, got \"a\"" },
        { "{rules: [{from: [{source: {principals: [\"\"]}}]}]}", "spec.rules[0].from[0].source.principals[0]: is required" },
        { "{rules: [{from: [{source: {principals: [a*b]}}]}]}", "spec.rules[0].from[0].source.principals[0]: may have one *, at its beginning or its end, got \"a*b\"" },
        { "{rules: [{from: [{source: {notNamespaces: [\"*a*\"]}}]}]}", "spec.rules[0].from[0].source.notNamespaces[0]: may have one *, at its beginning or its end, got \"*a*\"" },
        { "{rules: [{from: [{source: {serviceAccounts: [\"a/*\"]}}]}]}", "spec.rules[0].from[0].source.serviceAccounts[0]: must be a service account or namespace/service-account, without *, got \"a/*\"" },
        { "{rules: [{from: [{source: {serviceAccounts: [a/b/c]}}]}]}", "spec.rules[0].from[0].source.serviceAccounts[0]: must be a service account or namespace/service-account, without *, got \"a/b/c\"" },
        { "{rules: [{from: [{source: {serviceAccounts: [a], namespaces: [b]}}]}]}", "spec.rules[0].from[0].source.serviceAccounts: may not stand beside principals or namespaces" },
        { "{rules: [{from: [{source: {trustDomains: [a/b]}}]}]}", "spec.rules[0].from[0].source.trustDomains[0]: may hold no /, got \"a/b\"" },
        { "{rules: [{from: [{source: {ipBlocks: [10.0.0.0/33]}}]}]}", "spec.rules[0].from[0].source.ipBlocks[0]: must be an IP address or a range such as 10.0.0.0/8, got \"10.0.0.0/33\"" },
        { "{rules: [{from: [{source: {notIpBlocks: [\"10.1\"]}}]}]}", "spec.rules[0].from[0].source.notIpBlocks[0]: must be an IP address or a range such as 10.0.0.0/8, got \"10.1\"" },
        { "{rules: [{to: [{operation: {ports: [80]}}]}]}", "spec.rules[0].to[0].operation.ports[0]: expected a string, got the number 80; put it in quotes" },
        { "{rules: [{to: [{operation: {notPorts: [http]}}]}]}", "spec.rules[0].to[0].operation.notPorts[0]: must be a number from 0 to 65535, got \"http\"" },
        { "{rules: [{when: [{values: [a]}]}]}", "spec.rules[0].when[0].key: is required" },
        { "{rules: [{when: [{key: source.ip}]}]}", "spec.rules[0].when[0]: needs values or notValues" },
        { "{rules: [{when: [{key: \"request.headers[]\", values: [a]}]}]}", "spec.rules[0].when[0].key: must have the form a[b], got \"request.headers[]\"" },
        { "{rules: [{when: [{key: destination.port, values: [\"70000\"]}]}]}", "spec.rules[0].when[0].values[0]: must be a number from 0 to 65535, got \"70000\"" },
        { "{selector: {matchLabels: {app: \"we*\"}}}", "spec.selector.matchLabels[app]: may hold only letters, digits, '-', '_' and '.', and must begin and end with a letter or digit, got \"we*\"" },
        { "{selector: {matchExpressions: []}}", "spec.selector.matchExpressions: is not known here, where there may be matchLabels" },
        { "{targetRefs: [{name: a}]}", "spec.targetRefs[0].kind: is required" },
        { "{selector: {}, targetRefs: [{kind: Service, name: a}]}", "spec.targetRefs: may not stand beside selector or another target reference" },
    };

    /// <summary>The body of a PeerAuthentication, and what is wrong with it.</summary>
    public static TheoryData<string, string> PeerAuthentications => new()
    {
        { "{mtls: {mode: strict}}", "spec.mtls.mode: expected UNSET or DISABLE or PERMISSIVE or STRICT, got \"strict\"" },
        { "{mtls: STRICT}", "spec.mtls: expected a mapping, got \"STRICT\"" },
        { "{portLevelMtls: {80: {mode: STRICT}}}", "spec.portLevelMtls: needs a selector: only what is about single workloads can be about their ports" },
        { "{selector: {matchLabels: {app: web}}, portLevelMtls: {}}", "spec.portLevelMtls: needs at least one port" },
        { "{selector: {matchLabels: {app: web}}, portLevelMtls: {http: {mode: STRICT}}}", "spec.portLevelMtls[http]: is not a port: a number from 1 to 65535" },
        { "{selector: {matchLabels: {app: web}}, portLevelMtls: {0: {mode: STRICT}}}", "spec.portLevelMtls[0]: is not a port: a number from 1 to 65535" },
        { "{selector: {matchLabels: {app: web}}, portLevelMtls: {80: {mode: ON}}}", "spec.portLevelMtls[80].mode: expected a string, got the boolean ON; put it in quotes" },
    };

    [Theory]
    [MemberData(nameof(Authorization))]
    public void A_mistake_in_an_authorization_policy_is_told_by_its_field(string spec, string problem)
    {
        Assert.Equal([$"x.yaml:4: AuthorizationPolicy default/p: {problem}"], Problems(Object("AuthorizationPolicy", spec)));
    }

    [Theory]
    [MemberData(nameof(PeerAuthentications))]
    public void A_mistake_in_a_peer_authentication_is_told_by_its_field(string spec, string problem)
    {
        Assert.Equal([$"x.yaml:4: PeerAuthentication default/p: {problem}"], Problems(Object("PeerAuthentication", spec)));
    }

    [Fact]
    public void A_condition_on_an_unknown_attribute_is_told_with_those_there_are()
    {
        string problem = Assert.Single(Problems(Object("AuthorizationPolicy", "{rules: [{when: [{key: source.ports, values: [a]}]}]}")));

        Assert.StartsWith("x.yaml:4: AuthorizationPolicy default/p: spec.rules[0].when[0].key: must be one of connection.sni, ", problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("v1beta1")]
    public void Both_versions_are_read(string version)
    {
        Assert.IsType<AuthorizationPolicyObject>(Assert.Single(Objects(Policy("p", "DENY", "{}").Replace("/v1", $"/{version}", StringComparison.Ordinal))));
        Assert.IsType<PeerAuthenticationObject>(Assert.Single(Objects(PeerAuthentication("p", "STRICT").Replace("/v1", $"/{version}", StringComparison.Ordinal))));
    }

    /// <summary>A policy with a mistake and no earlier version, and who of shop and plaintext still gets to web and db.</summary>
    [Theory]
    [InlineData("AuthorizationPolicy", "{action: DENY, rules: [{to: [{operation: {ports: [80]}}]}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: DENY, selector: {matchLabels: {app: web}}, rules: [{to: [{operation: {ports: [80]}}]}]}", "none shop+plaintext")]
    [InlineData("AuthorizationPolicy", "{action: DENY, selector: {matchLabels: {app: [web]}}}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: ALLOW, rules: [{}, {from: []}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: DENIES}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: AUDIT, rules: [{from: []}]}", "shop+plaintext shop+plaintext")]
    [InlineData("AuthorizationPolicy", "{action: DENY, targetRefs: [{kind: Service, name: a}], rules: [{from: []}]}", "shop+plaintext shop+plaintext")]
    [InlineData("AuthorizationPolicy", "{action: DENY, rulez: [{}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: DENY, selectr: {matchLabels: {app: web}}, rules: [{}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: DENY, selector: {matchLabel: {app: web}}, rules: [{}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{acton: DENY, rules: [{from: [{source: {namespaces: [bank]}}]}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: ALLOW, rules: [{form: [{source: {namespaces: [bank]}}]}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: DENY, targetRefs: [{kind: Service, nam: a}], rules: [{}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: DENY, targetRefs: [{knd: Service, name: a}], rules: [{}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: DENY, targetRef: {kind: Service, group: apps, name: a}, rules: [{}]}", "none none")]
    [InlineData("AuthorizationPolicy", "{action: DENY, targetRfs: [{kind: Service, name: a}], rules: [{}]}", "none none")]
    [InlineData("PeerAuthentication", "{mtls: {mode: PERMISIVE}}", "shop shop")]
    [InlineData("PeerAuthentication", "{mtls: {mod: STRICT}}", "shop shop")]
    [InlineData("PeerAuthentication", "{mtls: {something: STRICT}}", "shop shop")]
    [InlineData("PeerAuthentication", "{mTLS: {mode: STRICT}}", "shop shop")]
    [InlineData("PeerAuthentication", "{selector: {matchLabels: {app: web}}, portLevelMtls: {80: {mod: STRICT}}}", "shop shop+plaintext")]
    [InlineData("PeerAuthentication", "{selector: {matchLabels: {app: web}}, portLevelMtls: {web: {mode: STRICT}}}", "shop shop+plaintext")]
    public void A_policy_with_mistakes_and_no_earlier_version_lets_in_nothing_it_might_have_kept_out(string kind, string spec, string reached)
    {
        var world = new World(Pods);
        Load(world, null, Object(kind, spec));

        string[] answers = [.. new[] { "web", "db" }.Select(pod => string.Join('+', new[] { "shop/cart", "plaintext" }
            .Where(who => world.Judge($"{who} 10.0.1.1 80", pod).Allowed)
            .Select(who => who.Split('/')[0])))];

        Assert.Equal(reached, string.Join(' ', answers.Select(answer => answer.Length == 0 ? "none" : answer)));
    }

    [Fact]
    public void A_policy_with_mistakes_keeps_its_last_good_version_and_what_stands_in_for_it_is_never_taken_for_one()
    {
        string good = Policy("p", "DENY", "{from: [{source: {namespaces: [shop]}}]}"), bad = Policy("p", "DENY", "{from: []}");
        var world = new World(Pods);

        ManifestFile file = Load(world, null, bad);
        Assert.Equal("DeniedByPolicy default/p", world.Answer("bank/till 10.0.1.1 80"));
        file = Load(world, file, bad + "---\n" + Namespace("more", null));
        Assert.Empty(file.Kept);
        file = Load(world, file, good);
        Assert.Equal("allowed", world.Answer("bank/till 10.0.1.1 80"));
        file = Load(world, file, bad);
        Assert.Single(file.Kept);
        Assert.Equal("allowed", world.Answer("bank/till 10.0.1.1 80"));
        Assert.Equal("DeniedByPolicy default/p", world.Answer("shop/cart 10.0.1.1 80"));
        Load(world, file, "kind: [\n");
        Assert.Equal("DeniedByPolicy default/p", world.Answer("shop/cart 10.0.1.1 80"));
    }

    [Fact]
    public void What_stands_in_says_so()
    {
        var world = new World(Pods);
        Load(world, null, Object("AuthorizationPolicy", "{action: DENY, rules: [{from: []}]}"));

        AuthorizationPolicy policy = Assert.Single(world.Mesh.Policies.Authorization);
        Assert.Equal(Enforcement.Partial, policy.Enforcement);
        Assert.Equal(["has mistakes and no earlier version: denies every connection until it is mended"], policy.Notes);
    }

    /// <summary>Reads a file that was <paramref name="before"/>, as the directory does, and puts what it holds into the world.</summary>
    private static ManifestFile Load(World world, ManifestFile? before, string yaml)
    {
        ManifestFile file = Read(yaml).Keeping(before);
        foreach ((KubernetesObject @object, int line) in file.Objects.Values)
            world.Translator.Apply(new ResourceEvent.Put(@object, new Origin("x.yaml", line)));
        return file;
    }

    private static string Object(string kind, string spec) =>
        $"apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: p}}\nspec: {spec}\n";
}
