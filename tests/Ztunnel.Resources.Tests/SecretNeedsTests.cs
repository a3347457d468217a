using Ztunnel.Mesh;

namespace Ztunnel.Resources.Tests;

public sealed class SecretNeedsTests
{
    private readonly SecretNeeds _needs = new();

    [Theory]
    [InlineData("web", null, "", "Secret", false, "shop/web")]
    [InlineData("web", "shop", "", "Secret", false, "shop/web")]
    [InlineData("web", null, "", "Secret", true, "")]
    [InlineData("web", null, "", "ConfigMap", false, "")]
    [InlineData("web", null, "cert-manager.io", "Secret", false, "")]
    [InlineData("web", "certs", "", "Secret", false, "")]
    [InlineData("a,b", null, "", "Secret", false, "")]
    public void Certificates_of_listeners_that_end_TLS(string name, string? @namespace, string group, string kind, bool passthrough, string expected) =>
        Assert.Equal(expected, Of(Gateway(passthrough, new CertificateReference(group, kind, @namespace, name))));

    [Fact]
    public void In_another_namespace_those_that_are_granted()
    {
        GatewayObject gateway = Gateway(false, new CertificateReference("", "Secret", "certs", "a"), new CertificateReference("", "Secret", "certs", "b"));
        ReferenceGrantObject grant = new()
        {
            Metadata = new ObjectMetadata { Name = "grant", Namespace = "certs" },
            From = [new GrantedFrom("gateway.networking.k8s.io", "Gateway", "shop")],
            To = [new GrantedTo("", "Secret", "b")],
        };
        Assert.True(_needs.Put(grant));
        Assert.Equal("certs/b", Of(gateway));
        Assert.True(_needs.Put(grant with { From = [new GrantedFrom("gateway.networking.k8s.io", "HTTPRoute", "shop")] }));
        Assert.Equal("", Of(gateway));
        _needs.Put(grant);
        Assert.True(_needs.Remove(grant.Key));
        Assert.Equal("", Of(gateway));
    }

    [Fact]
    public void What_rules_name_that_are_exported_to_it_wherever_in_the_rule()
    {
        GatewayObject gateway = Gateway(false, new CertificateReference("", "Secret", null, "b"));
        Assert.True(_needs.Put(Rule("x", "b", "d")));
        Assert.Equal("shop/b shop/d", Of(gateway));
        Assert.True(_needs.Put(Rule("x", "c") with { Subsets = [new Subset("v1", StringMap.Empty, Policy("a"))] }));
        Assert.Equal("shop/a shop/b shop/c", Of(gateway));
        Assert.True(_needs.Put(Rule("x", "c") with { ExportTo = ["."] }));
        Assert.Equal("shop/b", Of(gateway));
        Assert.True(_needs.Put(Rule("x", "c") with { ExportTo = ["other", "shop"] }));
        Assert.Equal("shop/b shop/c", Of(gateway));
        Assert.True(_needs.Put(Rule("x")));
        Assert.Equal("shop/b", Of(gateway));
    }

    [Fact]
    public void A_rule_that_names_none_or_the_same_changes_nothing()
    {
        Assert.False(_needs.Put(Rule("x")));
        Assert.False(_needs.Remove(Rule("x").Key));
        Assert.True(_needs.Put(Rule("x", "c")));
        Assert.False(_needs.Put(Rule("x", "c") with { Host = "other.example.com" }));
        Assert.True(_needs.Remove(Rule("x").Key));
    }

    [Fact]
    public void However_many_rules_of_others_name_its_certificates_and_own_rules_are_not_pushed_out()
    {
        GatewayObject gateway = Gateway(false, new CertificateReference("", "Secret", null, "zz-certificate"));
        for (int each = 0; each < 3; each++)
        {
            _needs.Put(Rule($"a{each}") with
            {
                Subsets = [.. Enumerable.Range(0, 200).Select(number => new Subset($"v{number}", StringMap.Empty, Policy($"aa-{each}-{number}")))],
            });
        }

        DestinationRuleObject own = Rule("z", "zz-own");
        _needs.Put(own with { Metadata = own.Metadata with { Namespace = "shop" } });
        IReadOnlyList<SecretName> needed = _needs.Of(gateway);
        Assert.Equal(SecretNeeds.MostCredentials + 1, needed.Count);
        Assert.Contains(new SecretName("shop", "zz-certificate"), needed);
        Assert.Contains(new SecretName("shop", "zz-own"), needed);
    }

    private static TrafficPolicy Policy(string secret) => new() { Tls = new TlsOrigination { Mode = TlsOriginationMode.Mutual, CredentialName = secret } };

    private static DestinationRuleObject Rule(string name, string? secret = null, string? ofPort = null) => new()
    {
        Metadata = new ObjectMetadata { Name = name, Namespace = "elsewhere" },
        Host = "a.example.com",
        Policy = secret is null ? TrafficPolicy.None : Policy(secret),
        Ports = ofPort is null ? [] : [new PortTrafficPolicy(443, Policy(ofPort))],
    };

    private static GatewayObject Gateway(bool passthrough, params CertificateReference[] certificates) => new()
    {
        Metadata = new ObjectMetadata { Name = "gw", Namespace = "shop" },
        ClassName = "istio",
        Listeners = [new GatewayListener { Name = "https", Port = 443, Protocol = "HTTPS", Tls = new ListenerTls { Passthrough = passthrough, Certificates = [.. certificates] } }],
    };

    private string Of(GatewayObject gateway) => string.Join(' ', _needs.Of(gateway));
}
