using System.Text;
using Ztunnel.Mesh;
using static Ztunnel.Resources.Tests.GatewayManifests;

namespace Ztunnel.Resources.Tests;

/// <summary>Secrets: which hold a certificate, and that nothing of a key is ever shown.</summary>
public sealed class SecretTests
{
    private const string Marker = "TUlHVEFnRUFNQk1HQnlxR1NNNDlBZ0U";

    private static readonly TestCertificate Certificate = TestCertificate.For("a.aliyun.com");

    [Theory]
    [InlineData("type: kubernetes.io/tls", "data", "tls.crt", "tls.key")]
    [InlineData("type: Opaque", "data", "tls.crt", "tls.key")]
    [InlineData("", "data", "cert", "key")]
    [InlineData("", "stringData", "tls.crt", "tls.key")]
    public void A_certificate_is_found_under_its_names(string type, string field, string certificate, string key)
    {
        string Text(string pem) => field is "data" ? Convert.ToBase64String(Encoding.UTF8.GetBytes(pem)) : $"\"{pem.ReplaceLineEndings("\\n")}\"";
        var world = new World(
            $"apiVersion: v1\nkind: Secret\nmetadata: {{name: tls, namespace: infra}}\n{type}\n{field}:\n  {certificate}: {Text(Certificate.Chain)}\n  {key}: {Text(Certificate.Key)}\n",
            Gateway("g", [Https("https", "{name: tls}")]));

        Assert.Equal("", world.Listener("g", "https"));
    }

    [Theory]
    [InlineData("data: {tls.key: \"not-base64! " + Marker + "\"}")]
    [InlineData("data: {tls.key: [" + Marker + "]}")]
    [InlineData("data: {tls.key: {" + Marker + ": 1} }")]
    [InlineData("data: {tls.key: 123456789012345678}")]
    [InlineData("data: " + Marker)]
    [InlineData("data: [" + Marker + "]")]
    [InlineData("data: {" + Marker + ": a, " + Marker + ": b}")]
    [InlineData("stringData: \"" + Marker + "\"")]
    [InlineData("stringData: {tls.key: " + Marker + ", tls.key: x}")]
    [InlineData("data:\n  tls.key: " + Marker + "\n" + Marker + "\n")]
    public void A_mistake_in_a_secret_is_told_without_quoting_it(string body)
    {
        ManifestFile file = Manifests.Read($"apiVersion: v1\nkind: Secret\nmetadata: {{name: tls, namespace: infra}}\n{body}\n");

        Assert.NotEmpty(file.Problems);
        Assert.All(file.Problems, problem => Assert.DoesNotContain(Marker[..12], problem.ToString(), StringComparison.Ordinal));
        Assert.All(file.Problems, problem => Assert.DoesNotContain("1234567", problem.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public void Nothing_that_is_kept_or_said_shows_a_key()
    {
        string inside = Certificate.Key.Split('\n')[1];
        string encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(Certificate.Key));
        SecretObject secret = Manifests.Only<SecretObject>(Secret("tls", Certificate.Chain, Certificate.Key));
        // A key that is not the certificate's, so that there is something to complain about.
        var world = new World(Secret("tls", TestCertificate.For("b.com").Chain, Certificate.Key), Secret("well", Certificate.Chain, Certificate.Key), Gateway("g", [Https("https", "{name: tls}"), Https("other", "{name: well}", port: 8443)]));

        string[] said =
        [
            secret.ToString(),
            world.Mesh.HttpGatewayOf(new GatewayName("infra", "g"))!.Listeners[0].ToString(),
            string.Join(' ', world.Translator.Inventory.Snapshot().Statuses.SelectMany(status => status.Listeners).SelectMany(listener => listener.Conditions).Select(condition => condition.Message)),
            string.Join(' ', world.Problems),
            string.Join(" ", world.Log.Lines),
        ];

        Assert.Contains("Secret infra/tls holds no PEM private key", said[2], StringComparison.Ordinal);
        Assert.All(said, text => Assert.DoesNotContain(inside[..16], text, StringComparison.Ordinal));
        Assert.All(said, text => Assert.DoesNotContain(encoded[40..56], text, StringComparison.Ordinal));
    }
}
