namespace Ztunnel.Mesh.Tests;

public sealed class SpiffeIdTests
{
    private const string Curl = "spiffe://cluster.local/ns/demo/sa/curl";

    [Theory]
    [InlineData(Curl, "cluster.local", "demo", "curl")]
    [InlineData("spiffe://td_1-a.example/ns/n.s-1_x/sa/Acc.ount-1_", "td_1-a.example", "n.s-1_x", "Acc.ount-1_")]
    [InlineData("spiffe://192.0.2.7/ns/ns/sa/sa", "192.0.2.7", "ns", "sa")]
    [InlineData("spiffe://a/ns/.../sa/..a", "a", "...", "..a")]
    public void A_service_account_identity_is_read_and_written_the_same(string text, string trustDomain, string ns, string account)
    {
        SpiffeId id = SpiffeId.Parse(text);

        Assert.Equal(trustDomain, id.TrustDomain);
        Assert.Equal(ns, id.Namespace);
        Assert.Equal(account, id.ServiceAccount);
        Assert.Equal(text, id.ToString());
        Assert.Equal(id, SpiffeId.Create(trustDomain, ns, account));
    }

    [Theory]
    [InlineData("", "begin with spiffe://")]
    [InlineData("https://cluster.local/ns/demo/sa/curl", "begin with spiffe://")]
    [InlineData("SPIFFE://cluster.local/ns/demo/sa/curl", "begin with spiffe://")]
    [InlineData(" spiffe://cluster.local/ns/demo/sa/curl", "begin with spiffe://")]
    [InlineData("spiffe:/cluster.local/ns/demo/sa/curl", "begin with spiffe://")]
    [InlineData("spiffe:///ns/demo/sa/curl", "trust domain is empty")]
    [InlineData("spiffe://Cluster.local/ns/demo/sa/curl", "trust domain contains 'C'")]
    [InlineData("spiffe://cluster.local:8080/ns/demo/sa/curl", "trust domain contains ':'")]
    [InlineData("spiffe://user@cluster.local/ns/demo/sa/curl", "trust domain contains '@'")]
    [InlineData("spiffe://cluster%2elocal/ns/demo/sa/curl", "trust domain contains '%'")]
    [InlineData("spiffe://[2001:db8::1]/ns/demo/sa/curl", "trust domain contains '['")]
    [InlineData("spiffe://clüster.local/ns/demo/sa/curl", "trust domain contains U+00FC")]
    [InlineData("spiffe://cluster.local", "path is not")]
    [InlineData("spiffe://cluster.local/", "path is not")]
    [InlineData("spiffe://cluster.local/payments/mysql", "path is not")]
    [InlineData("spiffe://cluster.local/ns/demo", "path is not")]
    [InlineData("spiffe://cluster.local/ns/demo/sa", "path is not")]
    [InlineData("spiffe://cluster.local/sa/demo/ns/curl", "path is not")]
    [InlineData("spiffe://cluster.local/NS/demo/sa/curl", "path is not")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/curl/", "path is not")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/curl/x", "path is not")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/curl/x/y/z", "path is not")]
    [InlineData("spiffe://cluster.local//ns/demo/sa/curl", "path is not")]
    [InlineData("spiffe://cluster.local/ns//sa/curl", "namespace is empty")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/", "service account is empty")]
    [InlineData("spiffe://cluster.local/ns/./sa/curl", "namespace is a relative path")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/..", "service account is a relative path")]
    [InlineData("spiffe://cluster.local/ns/de%6Do/sa/curl", "namespace contains '%'")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/curl?x=1", "service account contains '?'")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/curl#x", "service account contains '#'")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/curl\n", "service account contains U+000A")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/cu\0rl", "service account contains U+0000")]
    [InlineData("spiffe://cluster.local/ns/demo/sa/cúrl", "service account contains U+00FA")]
    public void Anything_else_is_refused_with_the_reason(string text, string expected)
    {
        Assert.False(SpiffeId.TryParse(text, out SpiffeId? id, out string? reason));
        Assert.Null(id);
        Assert.Contains(expected, reason, StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Throws<FormatException>(() => SpiffeId.Parse(text)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_trust_domain_may_be_255_characters_long_and_no_longer()
    {
        Assert.True(SpiffeId.TryParse($"spiffe://{new string('a', 255)}/ns/demo/sa/curl", out _, out _));
        Assert.False(SpiffeId.TryParse($"spiffe://{new string('a', 256)}/ns/demo/sa/curl", out _, out string? reason));
        Assert.Contains("256", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void An_identity_may_be_2048_characters_long_and_no_longer()
    {
        string account = new('a', SpiffeId.MaxLength - "spiffe://cluster.local/ns/demo/sa/".Length);

        Assert.True(SpiffeId.TryParse($"spiffe://cluster.local/ns/demo/sa/{account}", out _, out _));
        Assert.False(SpiffeId.TryParse($"spiffe://cluster.local/ns/demo/sa/{account}a", out _, out string? reason));
        Assert.Contains("2049", reason, StringComparison.Ordinal);
        Assert.False(SpiffeId.TryCreate("cluster.local", "demo", account + "a", out _, out _));
    }

    [Theory]
    [InlineData("Cluster.local", "demo", "curl", "trust domain")]
    [InlineData("cluster.local", "de/mo", "curl", "namespace contains '/'")]
    [InlineData("cluster.local", "demo", "", "service account is empty")]
    public void Parts_that_cannot_stand_in_an_identity_make_none(string trustDomain, string ns, string account, string expected)
    {
        Assert.False(SpiffeId.TryCreate(trustDomain, ns, account, out _, out string? reason));
        Assert.Contains(expected, reason, StringComparison.Ordinal);
        Assert.Throws<FormatException>(() => SpiffeId.Create(trustDomain, ns, account));
    }

    [Fact]
    public void Identities_are_equal_by_value_and_case_of_the_path_matters()
    {
        Assert.Equal(SpiffeId.Parse(Curl), SpiffeId.Parse(Curl));
        Assert.Equal(SpiffeId.Parse(Curl).GetHashCode(), SpiffeId.Parse(Curl).GetHashCode());
        Assert.NotEqual(SpiffeId.Parse(Curl), SpiffeId.Parse("spiffe://cluster.local/ns/demo/sa/Curl"));
        Assert.NotEqual(SpiffeId.Parse(Curl), SpiffeId.Parse("spiffe://other.local/ns/demo/sa/curl"));
        SpiffeId id = SpiffeId.Parse(Curl);
        Assert.Same(id.ToString(), id.ToString());
    }
}
