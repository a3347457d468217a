using System.Globalization;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Identity.Tests;

public sealed class BuiltInCertificateAuthorityTests : IDisposable
{
    private static readonly SpiffeId Curl = SpiffeId.Parse("spiffe://cluster.local/ns/demo/sa/curl");

    private readonly ManualTime _time = new();
    private readonly BuiltInCertificateAuthority _authority;
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public BuiltInCertificateAuthorityTests() => _authority = BuiltInCertificateAuthority.CreateInMemory("cluster.local", null, _time);

    public void Dispose()
    {
        _authority.Dispose();
        _key.Dispose();
    }

    [Fact]
    public async Task A_leaf_has_the_profile_of_an_X509_SVID()
    {
        using X509Certificate2 leaf = await IssueLeaf(_authority);

        Assert.Equal("", leaf.Subject);
        X509Extension names = Single<X509SubjectAlternativeNameExtension>(leaf);
        Assert.True(names.Critical);
        Assert.Equal([Curl.ToString()], ParsedCertificate.ReadUris(names.RawData, out int count));
        Assert.Equal(1, count);
        var usage = Single<X509KeyUsageExtension>(leaf);
        Assert.True(usage.Critical);
        Assert.Equal(X509KeyUsageFlags.DigitalSignature, usage.KeyUsages);
        Assert.Equal<string>(
            ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
            [.. Single<X509EnhancedKeyUsageExtension>(leaf).EnhancedKeyUsages.Cast<Oid>().Select(oid => oid.Value!)]);
        Assert.False(Single<X509BasicConstraintsExtension>(leaf).CertificateAuthority);
        using X509Certificate2 root = X509CertificateLoader.LoadCertificate(_authority.Trust.Current.Certificates[0].Der.Span);
        Assert.Equal(
            Single<X509SubjectKeyIdentifierExtension>(root).SubjectKeyIdentifierBytes.ToArray(),
            Single<X509AuthorityKeyIdentifierExtension>(leaf).KeyIdentifier!.Value.ToArray());
        Assert.NotEmpty(Single<X509SubjectKeyIdentifierExtension>(leaf).SubjectKeyIdentifierBytes.ToArray());
        Assert.Equal(_key.ExportSubjectPublicKeyInfo(), leaf.PublicKey.ExportSubjectPublicKeyInfo());
    }

    [Fact]
    public async Task A_leaf_is_valid_from_two_minutes_ago_for_a_day()
    {
        using X509Certificate2 leaf = await IssueLeaf(_authority);

        Assert.Equal(_time.GetUtcNow().UtcDateTime - TimeSpan.FromMinutes(2), leaf.NotBefore.ToUniversalTime());
        Assert.Equal(_time.GetUtcNow().UtcDateTime + TimeSpan.FromHours(24), leaf.NotAfter.ToUniversalTime());
    }

    [Fact]
    public async Task Serial_numbers_are_random_128_bits()
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        int longest = 0;
        for (int i = 0; i < 20; i++)
        {
            using X509Certificate2 leaf = await IssueLeaf(_authority);
            Assert.True(seen.Add(leaf.SerialNumber));
            longest = Math.Max(longest, leaf.SerialNumberBytes.Length);
        }

        // 17 where the highest bit is set: a DER integer needs a zero in front to stay positive.
        Assert.InRange(longest, 16, 17);
    }

    [Fact]
    public async Task A_leaf_never_outlives_its_issuer()
    {
        using var authority = BuiltInCertificateAuthority.CreateInMemory(
            "cluster.local", new CertificateAuthorityOptions { RootLifetime = TimeSpan.FromHours(5) }, _time);
        _time.Advance(TimeSpan.FromHours(1));

        using X509Certificate2 leaf = await IssueLeaf(authority);
        Assert.Equal(authority.Trust.Current.Certificates[0].NotAfter.UtcDateTime, leaf.NotAfter.ToUniversalTime());

        _time.Advance(TimeSpan.FromHours(4));
        IssuanceException refused = await Assert.ThrowsAsync<IssuanceException>(() => IssueLeaf(authority));
        Assert.Equal(IssuanceFailure.AuthorityExpired, refused.Reason);
    }

    public static TheoryData<string, IssuanceFailure> BadNames() => new()
    {
        { "spiffe://cluster.local/ns/demo/sa/admin", IssuanceFailure.WrongIdentity },
        { "spiffe://cluster.local/ns/demo/sa/curl,spiffe://cluster.local/ns/demo/sa/admin", IssuanceFailure.WrongIdentity },
        { "spiffe://cluster.local/ns/demo/sa/curl,spiffe://cluster.local/ns/demo/sa/curl", IssuanceFailure.WrongIdentity },
        { "https://example.com", IssuanceFailure.WrongIdentity },
        { "", IssuanceFailure.WrongIdentity },
    };

    [Theory]
    [MemberData(nameof(BadNames))]
    public async Task A_request_for_another_name_than_the_identity_is_refused(string names, IssuanceFailure reason)
    {
        byte[] request = Request(Forge.Names(names.Split(',', StringSplitOptions.RemoveEmptyEntries)));

        IssuanceException refused = await Assert.ThrowsAsync<IssuanceException>(() => _authority.Issue(Curl, request, default));
        Assert.Equal(reason, refused.Reason);
        Assert.Contains(Curl.ToString(), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_with_a_further_name_of_another_kind_is_refused()
    {
        var names = new SubjectAlternativeNameBuilder();
        names.AddUri(new Uri(Curl.ToString()));
        names.AddDnsName("curl.demo.svc");

        IssuanceException refused = await Assert.ThrowsAsync<IssuanceException>(
            () => _authority.Issue(Curl, Request(names.Build()), default));
        Assert.Equal(IssuanceFailure.WrongIdentity, refused.Reason);
    }

    [Fact]
    public async Task A_request_without_names_is_refused()
    {
        IssuanceException refused = await Assert.ThrowsAsync<IssuanceException>(() => _authority.Issue(Curl, Request(null), default));
        Assert.Equal(IssuanceFailure.WrongIdentity, refused.Reason);
    }

    [Fact]
    public async Task A_request_not_signed_by_its_key_is_refused()
    {
        byte[] request = SigningRequest.Create(Curl, _key);
        request[^1] ^= 1;

        IssuanceException refused = await Assert.ThrowsAsync<IssuanceException>(() => _authority.Issue(Curl, request, default));
        Assert.Equal(IssuanceFailure.BadSignature, refused.Reason);
    }

    [Fact]
    public async Task Bytes_that_are_no_request_are_refused()
    {
        byte[] request = SigningRequest.Create(Curl, _key);
        foreach (byte[] bytes in new[] { [], new byte[100], request[..^1], [.. request, 0], new byte[100_000] })
        {
            IssuanceException refused = await Assert.ThrowsAsync<IssuanceException>(() => _authority.Issue(Curl, bytes, default));
            Assert.Equal(IssuanceFailure.MalformedRequest, refused.Reason);
        }
    }

    [Fact]
    public async Task A_weak_key_is_refused()
    {
        using var weak = RSA.Create(1024);
        var request = new CertificateRequest("", weak, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(SigningRequest.IdentityExtension(Curl));

        IssuanceException refused = await Assert.ThrowsAsync<IssuanceException>(
            () => _authority.Issue(Curl, request.CreateSigningRequest(), default));
        Assert.Equal(IssuanceFailure.UnsuitableKey, refused.Reason);
    }

    [Fact]
    public async Task Extensions_a_request_asks_for_beside_its_name_are_not_granted()
    {
        var request = new CertificateRequest("CN=boss", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(SigningRequest.IdentityExtension(Curl));
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));

        IssuedCertificate issued = await _authority.Issue(Curl, request.CreateSigningRequest(), default);

        var leaf = ParsedCertificate.Read(issued.Chain[0]);
        Assert.False(leaf.IsAuthority);
        Assert.False(leaf.MaySign);
        using X509Certificate2 certificate = X509CertificateLoader.LoadCertificate(issued.Chain[0].Span);
        Assert.Equal("", certificate.Subject);
    }

    [Theory]
    [InlineData("sslserver")]
    [InlineData("sslclient")]
    public async Task Openssl_verifies_what_is_signed(string purpose)
    {
        using var folder = new TemporaryFolder();
        // openssl looks at its own clock.
        using var authority = BuiltInCertificateAuthority.CreateInMemory("cluster.local");
        using X509Certificate2 leaf = await IssueLeaf(authority);
        string root = folder.Write("root.pem", authority.Trust.Current.Certificates[0].Pem);
        string certificate = folder.Write("leaf.pem", leaf.ExportCertificatePem());

        (int exitCode, string output) = await ShortProgram.OpenSsl(
            "verify", "-x509_strict", "-purpose", purpose, "-no-CApath", "-no-CAstore", "-CAfile", root, certificate);

        Assert.True(exitCode == 0, output);
        (_, string text) = await ShortProgram.OpenSsl("x509", "-noout", "-text", "-in", certificate);
        Assert.Contains("X509v3 Subject Alternative Name: critical", text, StringComparison.Ordinal);
        Assert.Contains($"URI:{Curl}", text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_root_in_memory_is_a_signing_SVID_of_the_trust_domain()
    {
        var root = ParsedCertificate.Read(_authority.Trust.Current.Certificates[0].Der);

        Assert.True(root.IsAuthority);
        Assert.True(root.MaySign);
        Assert.Equal(["spiffe://cluster.local"], root.Uris);
    }

    [Fact]
    public async Task Serial_numbers_are_shown_as_openssl_shows_them()
    {
        using var folder = new TemporaryFolder();
        for (int i = 0; i < 3; i++)
        {
            using X509Certificate2 leaf = await IssueLeaf(_authority);
            (_, string shown) = await ShortProgram.OpenSsl("x509", "-noout", "-serial", "-in", folder.Write("leaf.pem", leaf.ExportCertificatePem()));
            Assert.Equal(
                UInt128.Parse(shown.Trim()["serial=".Length..], NumberStyles.HexNumber, CultureInfo.InvariantCulture),
                UInt128.Parse(ParsedCertificate.Read(leaf.RawData).SerialNumber, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        }
    }

    private static T Single<T>(X509Certificate2 certificate)
        where T : X509Extension => Assert.Single(certificate.Extensions.OfType<T>());

    private async Task<X509Certificate2> IssueLeaf(BuiltInCertificateAuthority authority)
    {
        IssuedCertificate issued = await authority.Issue(Curl, SigningRequest.Create(Curl, _key), default);
        return X509CertificateLoader.LoadCertificate(Assert.Single(issued.Chain).Span);
    }

    private byte[] Request(X509Extension? names)
    {
        var request = new CertificateRequest("", _key, HashAlgorithmName.SHA256);
        if (names is not null)
            request.CertificateExtensions.Add(names);
        return request.CreateSigningRequest();
    }
}
