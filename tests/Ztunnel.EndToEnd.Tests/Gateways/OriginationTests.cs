using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Ztunnel.Lab;
using Ztunnel.Mesh;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Backends that speak TLS themselves, each one openssl's own server.</summary>
[Collection(nameof(UpstreamLab))]
public sealed class OriginationTests(UpstreamLab lab)
{
    private const string Host = "api.test";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("out", 9443)]
    [InlineData("three", 9444)]
    public async Task A_backend_outside_is_spoken_to_in_TLS_and_one_in_the_mesh_inside_the_tunnel(string pod, int port)
    {
        using var authority = new Authority();
        await using LabProcess server = await Server(authority, pod, port);
        string name = $"simple-{pod}";
        await lab.Serve(name, "", "", $"{pod}:{port}");
        Trust(name, authority.Pem);
        lab.Rule(name, new TrafficPolicy { Tls = Simple(name) });
        Assert.Equal(HttpStatusCode.OK, (await Ask(name)).Status);
        Assert.Contains("Protocol  : TLSv1.3", (await Ask(name)).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backend_that_asks_for_a_certificate_gets_that_of_the_secret()
    {
        using var authority = new Authority();
        await using LabProcess server = await Server(authority, "out", 9445, "-Verify", "1", "-verify_return_error");
        await lab.Serve("mutual", "", "", "out:9445");
        Trust("mutual", authority.Pem);
        lab.Rule("mutual", new TrafficPolicy { Tls = Simple("mutual") });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Ask("mutual")).Status);

        lab.Rule("mutual", new TrafficPolicy { Tls = Simple("mutual") with { Mode = TlsOriginationMode.Mutual } });
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await Ask("mutual")).Status);
        await ExpectFailure("mutual", "no certificate to show");

        (string chain, string key) = authority.Issue("client.test");
        Trust("mutual", authority.Pem, ListenerCertificate.FromPem("infra/mutual", chain, key));
        (HttpStatusCode status, string body) = await Ask("mutual");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Contains("CN=client.test", body.Replace(" = ", "=", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_checked_is_refused_and_the_reason_is_told()
    {
        using var authority = new Authority();
        using var other = new Authority();
        await using LabProcess server = await Server(authority, "out", 9446);
        await lab.Serve("checked", "", "", "out:9446");
        Trust("checked", authority.Pem);
        await Refused(Simple("checked") with { SubjectAltNames = ["other.test", "spiffe://cluster.local/ns/a/sa/b"] }, "none of the names other.test");
        await Refused(Simple("checked") with { Sni = "other.test", SubjectAltNames = [] }, "another name than the server name");
        await Refused(Simple("nowhere"), "Secret infra/nowhere does not exist");
        await Refused(Simple("checked") with { CredentialName = null }, "not trusted");
        await Refused(new TlsOrigination { Mode = TlsOriginationMode.IstioMutual }, "is not in the mesh");
        Trust("checked", other.Pem);
        await Refused(Simple("checked"), "not trusted");

        Trust("checked", authority.Pem);
        lab.Rule("checked", new TrafficPolicy { Tls = Simple("checked") });
        Assert.Equal(HttpStatusCode.OK, (await Ask("checked")).Status);
        Trust("checked", other.Pem);
        lab.Rule("checked", new TrafficPolicy { Tls = Simple("checked") with { InsecureSkipVerify = true } });
        Assert.Equal(HttpStatusCode.OK, (await Ask("checked")).Status);

        async Task Refused(TlsOrigination tls, string reason)
        {
            lab.Rule("checked", new TrafficPolicy { Tls = tls });
            (HttpStatusCode status, string body) = await Ask("checked");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, status);
            Assert.Equal("upstream connect error or disconnect/reset before headers. reset reason: remote connection failure", body);
            await ExpectFailure("checked", reason);
        }
    }

    private static TlsOrigination Simple(string secret) => new()
    {
        Mode = TlsOriginationMode.Simple,
        Sni = Host,
        SubjectAltNames = [Host],
        CredentialName = secret,
    };

    private void Trust(string secret, string roots, ListenerCertificate? own = null) => lab.Gateway.Mesh.Put(new TlsCredential
    {
        Namespace = "infra",
        Name = secret,
        Roots = roots,
        Certificate = own,
    });

    private async Task<(HttpStatusCode Status, string Body)> Ask(string name)
    {
        using HttpClient client = lab.Client();
        using HttpResponseMessage answer = await client.GetAsync(new Uri($"http://{name}.test/"), Stop);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Stop));
    }

    private async Task ExpectFailure(string name, string reason) =>
        Assert.Contains(reason, (await lab.Traffic(name)).GetProperty("tlsFailure").GetString(), StringComparison.Ordinal);

    private async Task<LabProcess> Server(Authority authority, string pod, int port, params string[] more)
    {
        (string chain, string key) = authority.Issue(Host);
        string file = Path.Combine(authority.Directory, $"server-{port}");
        await File.WriteAllTextAsync($"{file}.crt", chain, Stop);
        await File.WriteAllTextAsync($"{file}.key", key, Stop);
        LabProcess server = await lab.Mesh.Pod(pod).Start(
            "openssl",
            ["s_server", "-accept", $"{port}", "-cert", $"{file}.crt", "-key", $"{file}.key", "-CAfile", authority.File, "-www", .. more]);
        await lab.Mesh.Pod(pod).WaitUntilListening(port, server, cancellationToken: Stop);
        return server;
    }

    /// <summary>An authority and the files of what it signs.</summary>
    private sealed class Authority : IDisposable
    {
        private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        private readonly X509Certificate2 _root;

        public Authority()
        {
            var request = new CertificateRequest($"CN=root-{Guid.NewGuid():N}", _key, HashAlgorithmName.SHA256);
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: false, 0, critical: true));
            _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(2));
            System.IO.File.WriteAllText(File, Pem);
        }

        public string Directory { get; } = System.IO.Directory.CreateTempSubdirectory("ztunnel-tls-").FullName;

        public string File => Path.Combine(Directory, "root.pem");

        public string Pem => _root.ExportCertificatePem();

        public (string Chain, string Key) Issue(string host)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName(host);
            request.CertificateExtensions.Add(names.Build());
            byte[] serial = RandomNumberGenerator.GetBytes(8);
            using X509Certificate2 certificate = request.Create(_root, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1), serial);
            return (certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
        }

        public void Dispose()
        {
            System.IO.Directory.Delete(Directory, recursive: true);
            _root.Dispose();
            _key.Dispose();
        }
    }
}
