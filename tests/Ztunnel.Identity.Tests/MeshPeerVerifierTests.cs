using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Text.RegularExpressions;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Identity.Tests;

public sealed partial class MeshPeerVerifierTests : IDisposable
{
    private const string Web = "spiffe://cluster.local/ns/demo/sa/web";
    private const string Other = "spiffe://cluster.local/ns/demo/sa/other";

    // openssl, which judges the chains, looks at its own clock.
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    private readonly TemporaryFolder _folder = new();
    private readonly Forge _root = Forge.Root(Now);
    private readonly MeshPeerVerifier _verifier = new(["cluster.local", "alias.local"]);

    public void Dispose()
    {
        _folder.Dispose();
        _root.Dispose();
    }

    [Fact]
    public async Task A_peer_among_those_expected_is_accepted()
    {
        using Forge leaf = _root.Leaf(Now, Web);
        PeerCertificate peer = await Presented(leaf);

        Assert.Null(_verifier.Verify(peer, SpiffeId.Parse(Web)));
        Assert.Null(_verifier.Verify(peer, ImmutableArray.Create(SpiffeId.Parse(Other), SpiffeId.Parse(Web))));
        Assert.Null(_verifier.Verify(peer, new HashSet<SpiffeId> { SpiffeId.Parse(Web) }));
        Assert.Null(_verifier.Verify(peer, null));
        Assert.Equal(SpiffeId.Parse(Web), _verifier.IdentityOf(leaf.Der));
    }

    [Fact]
    public async Task A_peer_over_an_intermediate_is_accepted()
    {
        using Forge intermediate = _root.Intermediate(Now);
        using Forge leaf = intermediate.Leaf(Now, Web);

        Assert.Null(_verifier.Verify(await Presented(leaf, intermediate), SpiffeId.Parse(Web)));
    }

    [Fact]
    public async Task A_peer_under_an_alias_of_the_trust_domain_is_accepted_where_the_alias_is_expected()
    {
        using Forge leaf = _root.Leaf(Now, "spiffe://alias.local/ns/demo/sa/web");
        PeerCertificate peer = await Presented(leaf);

        Assert.Null(_verifier.Verify(peer, null));
        Assert.Null(_verifier.Verify(peer, new[] { SpiffeId.Parse(Web), SpiffeId.Parse("spiffe://alias.local/ns/demo/sa/web") }));
        Assert.Equal(PeerRefusal.UnexpectedIdentity, _verifier.Judge(peer, SpiffeId.Parse(Web), out _));
    }

    [Fact]
    public async Task Further_names_of_other_kinds_do_no_harm()
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("web.demo.svc");
        names.AddUri(new Uri(Web));
        using Forge leaf = _root.Leaf(Now, names.Build());

        Assert.Null(_verifier.Verify(await Presented(leaf), SpiffeId.Parse(Web)));
    }

    public static TheoryData<string[], PeerRefusal, string> BadNames() => new()
    {
        { [], PeerRefusal.NoSpiffeId, "without a URI name" },
        { ["dns:web.demo.svc"], PeerRefusal.NoSpiffeId, "without a URI name" },
        { [Web, Other], PeerRefusal.ManySpiffeIds, "2 URI names" },
        { [Web, Web], PeerRefusal.ManySpiffeIds, "2 URI names" },
        { [Web, "https://example.com"], PeerRefusal.ManySpiffeIds, "2 URI names" },
        { ["https://example.com/ns/demo/sa/web"], PeerRefusal.MalformedSpiffeId, "https://example.com/ns/demo/sa/web" },
        { ["spiffe://cluster.local/workload"], PeerRefusal.MalformedSpiffeId, "/ns/NAMESPACE/sa/" },
        { ["spiffe://cluster.local/ns/demo/sa/web\0.evil"], PeerRefusal.MalformedSpiffeId, "web?.evil" },
        { ["SPIFFE://cluster.local/ns/demo/sa/web"], PeerRefusal.MalformedSpiffeId, "lower case" },
        { ["spiffe://other.domain/ns/demo/sa/web"], PeerRefusal.ForeignTrustDomain, "spiffe://other.domain/ns/demo/sa/web" },
        { [Other], PeerRefusal.UnexpectedIdentity, Other },
    };

    [Theory]
    [MemberData(nameof(BadNames))]
    public async Task A_peer_with_a_good_chain_and_a_bad_name_is_refused(string[] names, PeerRefusal expected, string presented)
    {
        using Forge leaf = names switch
        {
            [] => _root.Leaf(Now, names: null),
            [['d', 'n', 's', ':', .. var dns]] => _root.Leaf(Now, Forge.DnsName(dns)),
            _ => _root.Leaf(Now, names),
        };
        PeerCertificate peer = await Presented(leaf);
        Assert.True(peer.ChainVerified);

        Assert.Equal(expected, _verifier.Judge(peer, SpiffeId.Parse(Web), out string text));

        Assert.Contains(presented, text, StringComparison.Ordinal);
        Assert.Contains($"expected {Web}", text, StringComparison.Ordinal);
        Assert.Equal($"{expected}: {text}", _verifier.Verify(peer, SpiffeId.Parse(Web)));
        Assert.DoesNotContain(text, char.IsControl);
    }

    [Fact]
    public async Task A_peer_with_a_good_name_and_a_bad_chain_is_refused()
    {
        using Forge stranger = Forge.Root(Now, "stranger");
        using Forge untrusted = stranger.Leaf(Now, Web);
        using Forge expired = _root.Leaf(Now, Forge.Names(Web), lifetime: TimeSpan.FromMinutes(-1));
        using Forge early = _root.Leaf(Now + TimeSpan.FromHours(1), Web);
        using Forge web = _root.Leaf(Now, Web);
        using Forge byLeaf = web.Leaf(Now, Web);
        using Forge notAuthority = _root.Intermediate(Now, ca: false);
        using Forge byNonAuthority = notAuthority.Leaf(Now, Web);
        using Forge selfSigned = Forge.SelfSignedLeaf(Now, Web);

        AssertRefused(PeerRefusal.UntrustedChain, await Presented(untrusted));
        AssertRefused(PeerRefusal.Expired, await Presented(expired));
        AssertRefused(PeerRefusal.NotYetValid, await Presented(early));
        AssertRefused(PeerRefusal.UntrustedChain, await Presented(byLeaf, web));
        AssertRefused(PeerRefusal.UntrustedChain, await Presented(byNonAuthority, notAuthority));
        AssertRefused(PeerRefusal.UntrustedChain, await Presented(selfSigned));

        void AssertRefused(PeerRefusal refusal, PeerCertificate peer)
        {
            Assert.Equal(refusal, _verifier.Judge(peer, SpiffeId.Parse(Web), out string text));
            Assert.Contains($"presented {Web}", text, StringComparison.Ordinal);
            Assert.StartsWith(peer.ChainError!, text, StringComparison.Ordinal);
            Assert.NotNull(_verifier.Verify(peer, null));
        }
    }

    [Fact]
    public async Task A_signing_certificate_does_not_authenticate_a_peer()
    {
        using Forge authority = _root.Leaf(Now, Forge.Names(Web), ca: true);
        PeerCertificate peer = await Presented(authority);
        Assert.True(peer.ChainVerified);

        Assert.Equal(PeerRefusal.SigningCertificate, _verifier.Judge(peer, SpiffeId.Parse(Web), out _));
    }

    [Fact]
    public void A_peer_without_a_certificate_or_with_an_unreadable_one_is_refused()
    {
        Assert.Equal(PeerRefusal.NoCertificate, _verifier.Judge(new PeerCertificate(default, null, 0), null, out _));
        Assert.Equal(PeerRefusal.NoCertificate, _verifier.Judge(new PeerCertificate(default, "no certificate", 1), null, out _));
        Assert.Equal(PeerRefusal.MalformedCertificate, _verifier.Judge(new PeerCertificate(new byte[] { 0x30, 0x01 }, null, 0), null, out _));
        using Forge leaf = _root.Leaf(Now, Web);
        byte[] twice = [.. leaf.Der, 0];
        Assert.Equal(PeerRefusal.MalformedCertificate, _verifier.Judge(new PeerCertificate(twice, null, 0), null, out _));
    }

    [Fact]
    public void A_certificate_with_two_subject_alternative_names_is_refused()
    {
        // Made from one with an issuer alternative name, the extension numbered next to it; there is no honest way to make one.
        using Forge leaf = _root.Leaf(Now, Forge.Names(Web), further: new X509Extension("2.5.29.18", Forge.Names(Other).RawData, critical: false));
        byte[] twice = leaf.Der.ToArray();
        int issuerName = twice.AsSpan().IndexOf<byte>([0x06, 0x03, 0x55, 0x1D, 0x12]);
        twice[issuerName + 4] = 0x11;

        Assert.Equal(PeerRefusal.MalformedCertificate, _verifier.Judge(new PeerCertificate(twice, null, 0), null, out string text));
        Assert.Contains("2.5.29.17 twice", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task No_byte_cut_off_or_changed_in_a_certificate_makes_the_verifier_throw()
    {
        using Forge leaf = _root.Leaf(Now, Web);
        PeerCertificate peer = await Presented(leaf);
        for (int i = 0; i < leaf.Der.Length; i++)
        {
            Assert.NotNull(_verifier.Judge(peer with { Der = leaf.Der.AsMemory(0, i) }, SpiffeId.Parse(Web), out _));
            byte[] changed = leaf.Der.ToArray();
            changed[i] ^= 0x15;
            _verifier.Judge(peer with { Der = changed }, SpiffeId.Parse(Web), out _);
        }
    }

    [Fact]
    public async Task An_expectation_of_nobody_and_one_of_the_wrong_kind_are_met_by_nobody()
    {
        using Forge leaf = _root.Leaf(Now, Web);
        PeerCertificate peer = await Presented(leaf);

        Assert.Equal(PeerRefusal.UnexpectedIdentity, _verifier.Judge(peer, Array.Empty<SpiffeId>(), out string nobody));
        Assert.Contains("expected nobody", nobody, StringComparison.Ordinal);
        Assert.Equal(PeerRefusal.UnexpectedIdentity, _verifier.Judge(peer, default(ImmutableArray<SpiffeId>), out _));
        Assert.Equal(PeerRefusal.UnexpectedIdentity, _verifier.Judge(peer, Web, out string wrong));
        Assert.Contains("System.String", wrong, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_certificate_says_is_remembered_and_the_memory_is_bounded()
    {
        var verifier = new MeshPeerVerifier(["cluster.local"], cacheCapacity: 4);
        using Forge leaf = _root.Leaf(Now, Web);
        PeerCertificate peer = await Presented(leaf);
        Assert.Same(verifier.IdentityOf(leaf.Der), verifier.IdentityOf(leaf.Der.ToArray()));
        SpiffeId first = verifier.IdentityOf(leaf.Der)!;

        for (int i = 0; i < 100; i++)
        {
            verifier.IdentityOf(BitConverter.GetBytes(i));
            Assert.Null(verifier.Verify(peer, SpiffeId.Parse(Web)));
            Assert.InRange(verifier.Remembered, 1, 8);
        }

        Assert.Same(first, verifier.IdentityOf(leaf.Der));
    }

    [Fact]
    public async Task Many_threads_may_ask_at_once()
    {
        var verifier = new MeshPeerVerifier(["cluster.local"], cacheCapacity: 2);
        var leaves = Enumerable.Range(0, 8).Select(i => (Id: SpiffeId.Create("cluster.local", "demo", $"sa{i}"), i)).ToArray();
        Forge[] forged = [.. leaves.Select(leaf => _root.Leaf(Now, leaf.Id.ToString()))];

        await Parallel.ForAsync(0, 400, (n, _) =>
        {
            int i = n % leaves.Length;
            var peer = new PeerCertificate(forged[i].Der, null, 0);
            Assert.Null(verifier.Judge(peer, leaves[i].Id, out string _));
            Assert.NotNull(verifier.Judge(peer, leaves[(i + 1) % leaves.Length].Id, out string _));
            return ValueTask.CompletedTask;
        });

        foreach (Forge leaf in forged)
            leaf.Dispose();
    }

    [Fact]
    public void A_long_list_of_expected_identities_is_shortened_in_the_text()
    {
        using Forge leaf = _root.Leaf(Now, Web);
        SpiffeId[] expected = [.. Enumerable.Range(0, 50).Select(i => SpiffeId.Create("cluster.local", "demo", $"sa{i}"))];

        _verifier.Judge(new PeerCertificate(leaf.Der, null, 0), expected, out string text);

        Assert.Contains("sa3 or one of 46 more, presented " + Web, text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Cluster.Local")]
    [InlineData("cluster.local/x")]
    [InlineData("")]
    public void A_verifier_is_not_made_for_what_cannot_be_a_trust_domain(string name) =>
        Assert.Throws<ArgumentException>(() => new MeshPeerVerifier([name]));

    [GeneratedRegex(@"error (?<code>\d+) at \d+ depth lookup: (?<words>.+)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex VerifyError();

    /// <summary>The leaf with OpenSSL's verdict on its chain, as the TLS layer passes it on.</summary>
    private async Task<PeerCertificate> Presented(Forge leaf, params Forge[] between)
    {
        string root = _folder.Write("root.pem", _root.Pem);
        string chain = _folder.Write("chain.pem", string.Concat(between.Select(above => above.Pem)) + _root.Pem);
        (int exitCode, string output) = await ShortProgram.OpenSsl(
            "verify", "-no-CApath", "-no-CAstore", "-CAfile", root, "-untrusted", chain, _folder.Write("leaf.pem", leaf.Pem));
        if (exitCode == 0)
            return new PeerCertificate(leaf.Der, null, 0);
        Match error = VerifyError().Match(output);
        Assert.True(error.Success, output);
        return new PeerCertificate(leaf.Der, error.Groups["words"].Value, int.Parse(error.Groups["code"].Value, CultureInfo.InvariantCulture));
    }
}
