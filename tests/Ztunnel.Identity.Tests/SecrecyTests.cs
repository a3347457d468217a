using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ztunnel.Testing;

namespace Ztunnel.Identity.Tests;

/// <summary>Private keys are nowhere to be read: not in snapshots, texts, logs or errors, and not on disk.</summary>
public sealed class SecrecyTests
{
    [Fact]
    public async Task No_key_shows_in_the_snapshot_or_the_log()
    {
        await using var fixture = new StoreFixture();
        fixture.Store.Request(StoreFixture.Web);
        await fixture.Available();
        fixture.Authority.Before = (_, _) => throw new IOException("no");
        await fixture.PassUntil(fixture.Status().NextAttempt!.Value);
        await Eventually.Holds(() => fixture.Status().Failures == 1);

        var shown = new StringBuilder();
        CertificateStatus status = fixture.Status();
        shown.Append(JsonSerializer.Serialize(status)).Append(status).Append(fixture.Store).Append(fixture.Authority);
        foreach (CertificateDescription certificate in status.Chain.AddRange(status.Roots))
            shown.Append(certificate.Pem).Append(certificate);
        foreach ((_, string text) in fixture.Log.Lines)
            shown.Append(text);

        Assert.Contains("BEGIN CERTIFICATE", shown.ToString(), StringComparison.Ordinal);
        Assert.Single(fixture.Contexts[0].Keys);
        AssertHides(shown.ToString(), Assert.Single(fixture.Contexts[0].Keys));
    }

    [Theory]
    [InlineData("wrong")]
    [InlineData("cut")]
    [InlineData("changed")]
    [InlineData("labelled as another kind")]
    public void No_key_shows_in_an_error_about_its_file(string fault)
    {
        using var folder = new TemporaryFolder();
        DateTimeOffset now = TimeProvider.System.GetUtcNow();
        using Forge root = Forge.Root(now);
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string pem = key.ExportPkcs8PrivateKeyPem();
        folder.Write("ca-cert.pem", root.Pem);
        folder.Write("root-cert.pem", root.Pem);
        folder.Write("cert-chain.pem", "");
        folder.Write("ca-key.pem", fault switch
        {
            "cut" => pem[..^30],
            "changed" => pem.Remove(60, 4).Insert(60, "AAAA"),
            "wrong" => pem,
            _ => pem.Replace("PRIVATE KEY", "EC PRIVATE KEY", StringComparison.Ordinal),
        });

        var refused = Assert.Throws<CertificateFileException>(() => BuiltInCertificateAuthority.Load(folder.Path));

        AssertHides(refused.ToString(), key.ExportPkcs8PrivateKey());
    }

    private static void AssertHides(string text, byte[] pkcs8)
    {
        using var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(pkcs8, out _);
        byte[] secret = key.ExportParameters(includePrivateParameters: true).D!;
        Assert.DoesNotContain("PRIVATE KEY-----", text, StringComparison.Ordinal);
        Assert.DoesNotContain(Convert.ToHexString(secret), text, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(string.Join(',', secret), text, StringComparison.Ordinal);
        // Base64 of a larger whole holds the secret at one of three alignments, and escapes and line ends may part it.
        string flat = text.Replace("\n", "", StringComparison.Ordinal).Replace("\\n", "", StringComparison.Ordinal)
            .Replace("\\u002B", "+", StringComparison.Ordinal);
        for (int shift = 0; shift < 3; shift++)
        {
            string base64 = Convert.ToBase64String([.. new byte[shift], .. secret])[4..^4];
            Assert.DoesNotContain(base64, flat, StringComparison.Ordinal);
        }
    }
}
