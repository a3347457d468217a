using System.Collections.Immutable;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Identity.Tests;

public sealed class SigningFilesTests : IDisposable
{
    private static readonly SpiffeId Curl = SpiffeId.Parse("spiffe://cluster.local/ns/demo/sa/curl");
    private static readonly CertificateAuthorityOptions Options = new() { WatchInterval = TimeSpan.FromSeconds(1) };

    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new(TimeProvider.System.GetUtcNow());
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly Forge _root;
    private readonly Forge _intermediate;

    public SigningFilesTests()
    {
        _root = Forge.Root(_time.GetUtcNow());
        _intermediate = _root.Intermediate(_time.GetUtcNow());
        WriteAll(_intermediate.Pem, _intermediate.KeyPem, _intermediate.Pem + _root.Pem, _root.Pem);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _key.Dispose();
        _intermediate.Dispose();
        _root.Dispose();
    }

    [Fact]
    public async Task What_an_intermediate_signs_is_presented_with_it_and_without_the_root_and_openssl_verifies_it()
    {
        using BuiltInCertificateAuthority authority = Load();

        ImmutableArray<ReadOnlyMemory<byte>> chain = await Issue(authority);

        Assert.Equal(2, chain.Length);
        Assert.Equal(_intermediate.Der, chain[1].ToArray());
        await AssertOpenSslVerifies(chain);
    }

    [Fact]
    public async Task Two_intermediates_are_presented_in_order_however_the_chain_file_has_them()
    {
        using Forge second = _intermediate.Intermediate(_time.GetUtcNow(), "second");
        WriteAll(second.Pem, second.KeyPem, _root.Pem + _intermediate.Pem + second.Pem, _root.Pem);
        using BuiltInCertificateAuthority authority = Load();

        ImmutableArray<ReadOnlyMemory<byte>> chain = await Issue(authority);

        Assert.Equal([second.Der, _intermediate.Der], chain[1..].Select(der => der.ToArray()));
        await AssertOpenSslVerifies(chain);
    }

    [Fact]
    public async Task A_root_that_signs_itself_needs_no_chain()
    {
        WriteAll(_root.Pem, _root.KeyPem, "", _root.Pem);
        using BuiltInCertificateAuthority authority = Load();

        ImmutableArray<ReadOnlyMemory<byte>> chain = await Issue(authority);

        Assert.Single(chain);
        await AssertOpenSslVerifies(chain);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_RSA_authority_as_Istios_own_scripts_make_it_signs_too(bool traditionalKey)
    {
        using var root = Forge.Root(_time.GetUtcNow(), rsa: true);
        using Forge intermediate = root.Intermediate(_time.GetUtcNow(), rsa: true);
        string key = traditionalKey ? ((RSA)intermediate.Key).ExportRSAPrivateKeyPem() : intermediate.KeyPem;
        WriteAll(intermediate.Pem, key, intermediate.Pem + root.Pem, root.Pem);
        using BuiltInCertificateAuthority authority = Load();

        await AssertOpenSslVerifies(await Issue(authority));
    }

    [Fact]
    public async Task A_key_as_openssl_ecparam_writes_it_is_read()
    {
        using var key = (ECDsa)_intermediate.Key;
        string parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        _folder.Write("ca-key.pem", parameters + key.ExportECPrivateKeyPem());
        using BuiltInCertificateAuthority authority = Load();

        await AssertOpenSslVerifies(await Issue(authority));
    }

    [Theory]
    [InlineData("ca-cert.pem")]
    [InlineData("ca-key.pem")]
    [InlineData("cert-chain.pem")]
    [InlineData("root-cert.pem")]
    public void A_file_that_is_missing_unreadable_or_not_PEM_is_named(string file)
    {
        File.Delete(_folder[file]);
        AssertRefused(file, CertificateFileProblem.Missing, "missing");

        Directory.CreateDirectory(_folder[file]);
        AssertRefused(file, CertificateFileProblem.Unreadable, "cannot be read");
        Directory.Delete(_folder[file]);

        _folder.Write(file, "not a certificate at all\n");
        AssertRefused(file, CertificateFileProblem.NotPem, "holds no PEM");

        string label = file == "ca-key.pem" ? "PRIVATE KEY" : "CERTIFICATE";
        _folder.Write(file, $"-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
        AssertRefused(file, CertificateFileProblem.Malformed, "is not");
    }

    [Theory]
    [InlineData("ca-cert.pem")]
    [InlineData("cert-chain.pem")]
    [InlineData("root-cert.pem")]
    public void A_certificate_cut_off_is_not_overlooked(string file)
    {
        string pem = _intermediate.Pem + _root.Pem;
        _folder.Write(file, pem[..^40]);
        AssertRefused(file, CertificateFileProblem.NotPem, "damaged or cut off");

        _folder.Write(file, pem.Remove(200, 2).Insert(200, "!!"));
        AssertRefused(file, CertificateFileProblem.NotPem, "damaged or cut off");
    }

    [Fact]
    public void A_directory_that_is_missing_is_told_by_its_first_file()
    {
        var refused = Assert.Throws<CertificateFileException>(
            () => BuiltInCertificateAuthority.Load(_folder["nowhere"], Options, _time));
        Assert.Equal(CertificateFileProblem.Missing, refused.Problem);
        Assert.Contains(Path.Combine(_folder["nowhere"], "ca-cert.pem"), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_key_of_another_certificate_is_refused()
    {
        _folder.Write("ca-key.pem", _root.KeyPem);
        AssertRefused("ca-key.pem", CertificateFileProblem.KeyMismatch, "ca-cert.pem");

        using var rsa = RSA.Create(2048);
        _folder.Write("ca-key.pem", rsa.ExportPkcs8PrivateKeyPem());
        AssertRefused("ca-key.pem", CertificateFileProblem.KeyMismatch, "ca-cert.pem");
        _folder.Write("ca-key.pem", rsa.ExportRSAPrivateKeyPem());
        AssertRefused("ca-key.pem", CertificateFileProblem.KeyMismatch, "ca-cert.pem");

        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        _folder.Write("ca-key.pem", other.ExportPkcs8PrivateKeyPem());
        AssertRefused("ca-key.pem", CertificateFileProblem.KeyMismatch, "ca-cert.pem");
    }

    [Fact]
    public void An_encrypted_key_is_refused_as_such()
    {
        var parameters = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000);
        _folder.Write("ca-key.pem", _intermediate.Key.ExportEncryptedPkcs8PrivateKeyPem("secret", parameters));
        AssertRefused("ca-key.pem", CertificateFileProblem.KeyEncrypted, "encrypted");
    }

    [Fact]
    public void A_certificate_that_is_no_CA_is_refused()
    {
        using Forge leaf = _root.Intermediate(_time.GetUtcNow(), "leaf", ca: false);
        WriteAll(leaf.Pem, leaf.KeyPem, _root.Pem, _root.Pem);
        AssertRefused("ca-cert.pem", CertificateFileProblem.NotAuthority, "not a CA");

        WriteAll(_intermediate.Pem, _intermediate.KeyPem, _intermediate.Pem, leaf.Pem);
        AssertRefused("root-cert.pem", CertificateFileProblem.NotAuthority, "not a CA");
    }

    [Fact]
    public void An_expired_certificate_is_refused_and_its_file_named()
    {
        TimeSpan over = TimeSpan.FromMinutes(-1);
        using Forge expired = _root.Intermediate(_time.GetUtcNow(), "expired", over);
        WriteAll(expired.Pem, expired.KeyPem, _root.Pem, _root.Pem);
        AssertRefused("ca-cert.pem", CertificateFileProblem.Expired, "expired");

        using Forge below = expired.Intermediate(_time.GetUtcNow(), "below");
        WriteAll(below.Pem, below.KeyPem, expired.Pem, _root.Pem);
        AssertRefused("cert-chain.pem", CertificateFileProblem.Expired, "expired");

        using var oldRoot = Forge.Root(_time.GetUtcNow(), "old", lifetime: over);
        using Forge belowOld = oldRoot.Intermediate(_time.GetUtcNow());
        WriteAll(belowOld.Pem, belowOld.KeyPem, "", oldRoot.Pem);
        AssertRefused("root-cert.pem", CertificateFileProblem.Expired, "expired");

        using Forge early = _root.Intermediate(_time.GetUtcNow() + TimeSpan.FromHours(1), "early");
        WriteAll(early.Pem, early.KeyPem, _root.Pem, _root.Pem);
        AssertRefused("ca-cert.pem", CertificateFileProblem.NotYetValid, "not valid before");
    }

    [Fact]
    public void A_chain_that_does_not_lead_to_the_root_is_refused()
    {
        using var stranger = Forge.Root(_time.GetUtcNow(), "stranger");
        _folder.Write("root-cert.pem", stranger.Pem);
        AssertRefused("ca-cert.pem", CertificateFileProblem.ChainBroken, "root-cert.pem");

        using Forge second = _intermediate.Intermediate(_time.GetUtcNow(), "second");
        WriteAll(second.Pem, second.KeyPem, second.Pem, _root.Pem);
        AssertRefused("ca-cert.pem", CertificateFileProblem.ChainBroken, "cert-chain.pem");
    }

    [Fact]
    public async Task A_leaf_outlives_no_certificate_above_it()
    {
        using Forge brief = _root.Intermediate(_time.GetUtcNow(), "brief", TimeSpan.FromHours(3));
        using Forge longer = brief.Intermediate(_time.GetUtcNow(), "longer");
        WriteAll(longer.Pem, longer.KeyPem, brief.Pem, _root.Pem);
        using BuiltInCertificateAuthority authority = Load();

        var leaf = ParsedCertificate.Read((await Issue(authority))[0]);

        Assert.Equal(ParsedCertificate.Read(brief.Der).NotAfter, leaf.NotAfter);
    }

    [Fact]
    public async Task New_files_are_taken_into_use_and_broken_ones_are_not()
    {
        using BuiltInCertificateAuthority authority = Load();
        using Forge next = _root.Intermediate(_time.GetUtcNow(), "next");

        _folder.Write("ca-cert.pem", next.Pem);
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Contains("ca-key.pem", authority.Fault, StringComparison.Ordinal);
        Assert.Equal(_intermediate.Der, (await Issue(authority))[1].ToArray());

        _folder.Write("ca-key.pem", next.KeyPem);
        _folder.Write("cert-chain.pem", next.Pem + _root.Pem);
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Null(authority.Fault);
        ImmutableArray<ReadOnlyMemory<byte>> chain = await Issue(authority);
        Assert.Equal(next.Der, chain[1].ToArray());
        await AssertOpenSslVerifies(chain);
    }

    [Fact]
    public async Task A_key_that_comes_long_after_its_certificate_is_taken_and_its_absence_is_logged_once()
    {
        var log = new TextLog();
        using var authority = BuiltInCertificateAuthority.Load(_folder.Path, Options, _time, log);
        using Forge next = _root.Intermediate(_time.GetUtcNow(), "next");

        _folder.Write("ca-cert.pem", next.Pem);
        _folder.Write("cert-chain.pem", next.Pem + _root.Pem);
        _time.Advance(TimeSpan.FromSeconds(30));
        Assert.Contains("ca-key.pem", authority.Fault, StringComparison.Ordinal);
        Assert.Equal(new AuthorityStatus(ParsedCertificate.Read(_intermediate.Der).NotAfter, authority.Fault), authority.Status);
        Assert.Single(log.At(LogLevel.Error));

        _folder.Write("ca-key.pem", next.KeyPem);
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Null(authority.Fault);
        Assert.Equal(next.Der, (await Issue(authority))[1].ToArray());
        Assert.Single(log.At(LogLevel.Information), line => line.Contains("reloaded", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_certificate_written_before_its_time_is_taken_when_its_time_comes()
    {
        using BuiltInCertificateAuthority authority = Load();
        using Forge next = _root.Intermediate(_time.GetUtcNow() + TimeSpan.FromHours(1), "next");
        WriteAll(next.Pem, next.KeyPem, next.Pem + _root.Pem, _root.Pem);
        _time.Advance(TimeSpan.FromSeconds(3));
        Assert.Contains("not valid before", authority.Fault, StringComparison.Ordinal);

        _time.Advance(TimeSpan.FromHours(1));

        Assert.Null(authority.Fault);
        Assert.Equal(next.Der, (await Issue(authority))[1].ToArray());
    }

    [Theory]
    [InlineData("ca-cert.pem")]
    [InlineData("root-cert.pem")]
    public async Task A_certificate_only_OpenSSL_finds_fault_with_keeps_the_last_good_files(string file)
    {
        using BuiltInCertificateAuthority authority = Load();
        ReadOnlySpan<byte> ecdsaWithSha256 = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
        byte[] der = file == "ca-cert.pem" ? _intermediate.Der : _root.Der;
        // An octet string where the algorithm's identifier belongs.
        der[der.AsSpan().IndexOf(ecdsaWithSha256) + 2] = 0x04;

        _folder.Write(file, PemEncoding.WriteString("CERTIFICATE", der));
        _time.Advance(TimeSpan.FromSeconds(3));

        Assert.Contains($"{file}: PEM block 1 is not an X.509", authority.Fault ?? authority.Trust.Fault, StringComparison.Ordinal);
        Assert.Equal(_root.Der, Assert.Single(authority.Trust.Current.Certificates).Der.ToArray());
        Assert.Equal(_intermediate.Der, (await Issue(authority))[1].ToArray());
    }

    private void WriteAll(string certificate, string key, string chain, string root)
    {
        _folder.Write("ca-cert.pem", certificate);
        _folder.Write("ca-key.pem", key);
        _folder.Write("cert-chain.pem", chain);
        _folder.Write("root-cert.pem", root);
    }

    private BuiltInCertificateAuthority Load() => BuiltInCertificateAuthority.Load(_folder.Path, Options, _time);

    private void AssertRefused(string file, CertificateFileProblem problem, string words)
    {
        var refused = Assert.Throws<CertificateFileException>(() => Load().Dispose());
        Assert.Equal((_folder[file], problem), (refused.File, refused.Problem));
        Assert.Contains(words, refused.Message, StringComparison.Ordinal);
        Assert.StartsWith(_folder[file], refused.Message, StringComparison.Ordinal);
        Assert.Equal(0, _time.ArmedTimers);
    }

    private async Task<ImmutableArray<ReadOnlyMemory<byte>>> Issue(BuiltInCertificateAuthority authority) =>
        (await authority.Issue(Curl, SigningRequest.Create(Curl, _key), default)).Chain;

    private async Task AssertOpenSslVerifies(ImmutableArray<ReadOnlyMemory<byte>> chain)
    {
        string leaf = _folder.Write("leaf.pem", PemEncoding.WriteString("CERTIFICATE", chain[0].Span));
        string above = _folder.Write("above.pem", string.Join('\n', chain[1..].Select(der => PemEncoding.WriteString("CERTIFICATE", der.Span))));
        string[] untrusted = chain.Length > 1 ? ["-untrusted", above] : [];
        (int exitCode, string output) = await ShortProgram.OpenSsl(
            ["verify", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", "-CAfile", _folder["root-cert.pem"], .. untrusted, leaf]);
        Assert.True(exitCode == 0, output);
    }
}
