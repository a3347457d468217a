using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>AuthorizationPolicies and RequestAuthentications at an ingress gateway and at a waypoint, asked by curl.</summary>
[Collection(nameof(GatewayLab))]
public sealed class RequestPolicyTests(GatewayLab lab) : IAsyncLifetime
{
    private const string File = "request-policies.yaml";
    private const string Denied = "RBAC: access denied|403";
    private const string Edge = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge}]";
    private const string Walled = "targetRefs: [{group: \"\", kind: Service, name: walled}]";

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        lab.Mesh.Manifests.Write(File, "");
        await MeshLab.Eventually("policies to go", async () => await Ask("/status/418") == "teapot|418" && await AskInMesh("/status/418") == "teapot|418");
    }

    [Fact]
    public async Task A_denied_path_is_refused_at_a_gateway_in_whatever_spelling()
    {
        Write("infra", "AuthorizationPolicy", $"{{{Edge}, action: DENY, rules: [{{to: [{{operation: {{paths: [\"/status/418\"]}}}}]}}]}}");
        await Eventually(Denied, () => Ask("/status/418"));

        foreach (string path in new[] { "//status/418", "/status/%34%31%38", "/status/./418", "/x/../status/418", "/%73tatus/418", "/status%2f418", "/x%2f..%2fstatus/418", "/status/418;a=b", "/%2573tatus/418" })
            Assert.Equal((path, Denied), (path, await Ask(path)));
        foreach (string path in new[] { "/status/%00", "/%c0%afstatus/418", "/x/..;/status/418", "/%zz" })
            Assert.Equal((path, "|400"), (path, await Ask(path)));
        Assert.Equal("|200", await Ask("/status/200"));
        Assert.Contains("server: istio-envoy", (await lab.Curl("-i", "-H", "Host: web.test", $"http://{lab.Edge}/status/418")).Output, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_request_to_change_protocols_is_judged_as_what_it_is_sent_on_as()
    {
        Write("infra", "AuthorizationPolicy", $"{{{Edge}, action: DENY, rules: [{{to: [{{operation: {{methods: [GET], paths: [\"/headers\"]}}}}]}}]}}");
        await Eventually(Denied, () => Ask("/headers"));
        // What the test before this denied may be denied for a moment more.
        await MeshLab.Eventually("another method to be let in", async () => (await Ask("/headers", "-X", "POST")).EndsWith("|200", StringComparison.Ordinal));

        foreach (string protocol in new[] { "websocket", "WebSocket", "SPDY/3.1" })
            Assert.Equal((protocol, Denied), (protocol, await Ask("/headers", "-X", "POST", "-H", "Connection: Upgrade", "-H", $"Upgrade: {protocol}")));
        Assert.EndsWith("|200", await Ask("/headers", "-X", "POST", "-H", "Connection: Upgrade", "-H", "Upgrade: other"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_attached_to_a_service_is_enforced_by_its_waypoint_on_the_callers_identity()
    {
        Write("default", "AuthorizationPolicy", $"{{{Walled}, action: ALLOW, rules: [{{from: [{{source: {{principals: [\"cluster.local/ns/default/sa/client\"]}}}}], to: [{{operation: {{notPaths: [\"/status/418\"]}}}}]}}]}}");
        await Eventually(Denied, () => AskInMesh("/status/418"));

        Assert.Equal("|200", await AskInMesh("/status/200"));
        Assert.Equal(Denied, await Ask("/walled/status/200"));
        Assert.Equal("|200", await Ask("/status/200"));
    }

    [Fact]
    public async Task A_tokens_claims_are_judged()
    {
        using RSA key = RSA.Create(2048);
        RSAParameters parameters = key.ExportParameters(includePrivateParameters: false);
        string keys = $$"""{"keys":[{"kty":"RSA","kid":"k","n":"{{Base64Url.EncodeToString(parameters.Modulus)}}","e":"{{Base64Url.EncodeToString(parameters.Exponent)}}"}]}""";
        string Token(string claims)
        {
            string signed = $"{Encode("{\"alg\":\"RS256\",\"kid\":\"k\"}")}.{Encode($"{{\"iss\":\"testing\",\"sub\":\"alice\",{claims}}}")}";
            return $"{signed}.{Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1))}";
        }

        lab.Mesh.Manifests.Write(File, Yaml.Join(
            Policy("infra", "RequestAuthentication", $"{{{Edge}, jwtRules: [{{issuer: testing, jwks: '{keys}', outputClaimToHeaders: [{{header: x-sub, claim: sub}}]}}]}}"),
            Policy("infra", "AuthorizationPolicy", $"{{{Edge}, action: DENY, rules: [{{to: [{{operation: {{paths: [\"/headers\"]}}}}], when: [{{key: \"request.auth.claims[groups]\", notValues: [staff]}}]}}]}}")));
        await Eventually(Denied, () => Ask("/headers"));

        string shown = (await lab.Curl("-H", "Host: web.test", "-H", "x-sub: mallory", "-H", $"Authorization: Bearer {Token("\"groups\":[\"staff\"]")}", $"http://{lab.Edge}/headers")).Output;
        Assert.Contains("x-sub: alice\n", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("authorization:", shown, StringComparison.Ordinal);
        Assert.Equal(Denied, await Ask("/headers", "-H", $"Authorization: Bearer {Token("\"groups\":[\"guests\"]")}"));
        Assert.Equal("Jwt is expired|401", await Ask("/status/200", "-H", $"Authorization: Bearer {Token("\"exp\":1")}"));
        Assert.Equal("Jwt verification fails|401", await Ask("/status/200", "-H", $"Authorization: Bearer {Token("\"a\":1").Split('.')[0]}.{Token("\"a\":2")[(Token("\"a\":2").IndexOf('.', StringComparison.Ordinal) + 1)..^4]}AAAA"));
        Assert.Equal("|200", await Ask("/status/200"));
        string challenge = (await lab.Curl("-i", "-H", "Host: web.test", "-H", "Authorization: Bearer x", $"http://{lab.Edge}/status/200")).Output;
        Assert.Contains("www-authenticate: Bearer realm=\"http://web.test/status/200\", error=\"invalid_token\"", challenge, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_policy_about_a_gateways_pods_is_enforced_in_them()
    {
        Write("infra", "AuthorizationPolicy", "{selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: edge}}, action: DENY, rules: [{when: [{key: \"request.headers[x-role]\", values: [guest]}]}]}");

        await Eventually(Denied, () => Ask("/status/200", "-H", "x-role: guest"));
        Assert.Equal("|200", await Ask("/status/200"));
    }

    [Fact]
    public async Task What_is_no_HTTP_is_judged_by_what_connections_have()
    {
        using PodListener server = PodListener.Start(lab.Mesh.Pod("v4"), 7000);
        Task<Socket> accepting = server.AcceptAnytime();
        await MeshLab.Eventually("a connection to be let through", Reaches);
        using Socket open = await PodSocket.Connect(lab.Client, IPAddress.Parse(GatewayLab.Addresses["raw"]), 80);
        using Socket served = await accepting;
        accepting = server.AcceptAnytime();
        await open.SendAsync("\0"u8.ToArray());
        Assert.Equal(1, await served.ReceiveAsync(new byte[1]));

        Write("default", "AuthorizationPolicy", "{targetRefs: [{group: \"\", kind: Service, name: raw}], action: DENY, rules: [{from: [{source: {principals: [\"cluster.local/ns/default/sa/client\"]}}], to: [{operation: {paths: [\"/x\"]}}]}]}");
        await MeshLab.Eventually("connections to be refused", async () => !await Reaches());
        await Assert.ThrowsAsync<SocketException>(() => open.ReceiveAsync(new byte[1]).WaitAsync(MeshLab.Patience));

        async Task<bool> Reaches()
        {
            try
            {
                using Socket client = await PodSocket.Connect(lab.Client, IPAddress.Parse(GatewayLab.Addresses["raw"]), 80);
                Task<int> ended = client.ReceiveAsync(new byte[1]);
                if (await Task.WhenAny(accepting, ended).WaitAsync(MeshLab.Patience) == ended)
                    return await ended > 0;
                (await accepting).Dispose();
                accepting = server.AcceptAnytime();
                return true;
            }
            catch (SocketException)
            {
                return false;
            }
        }
    }

    [Fact]
    public async Task What_is_only_tried_out_is_counted_and_shown()
    {
        lab.Mesh.Manifests.Write(File, Policy("infra", "AuthorizationPolicy", $"{{{Edge}, action: DENY, rules: [{{to: [{{operation: {{paths: [\"/status/418\"]}}}}]}}]}}")
            .Replace("namespace: infra}", "namespace: infra, annotations: {istio.io/dry-run: \"true\"}}", StringComparison.Ordinal));

        await MeshLab.Eventually("what would have been refused", async () =>
        {
            Assert.Equal("teapot|418", await Ask("/status/418"));
            return lab.Mesh.Lines.Any(line => line.Contains("dry run: infra/requests would have refused GET /status/418", StringComparison.Ordinal));
        });
    }

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    private static string Policy(string @namespace, string kind, string spec) =>
        $"apiVersion: security.istio.io/v1\nkind: {kind}\nmetadata: {{name: requests, namespace: {@namespace}}}\nspec: {spec}\n";

    private static Task Eventually(string answer, Func<Task<string>> ask) => MeshLab.Eventually($"the answer {answer}", async () => await ask() == answer);

    private void Write(string @namespace, string kind, string spec) => lab.Mesh.Manifests.Write(File, Policy(@namespace, kind, spec));

    private async Task<string> Ask(string path, params string[] arguments) =>
        (await lab.Curl(["--path-as-is", "-w", "|%{http_code}", "-H", "Host: web.test", .. arguments, $"http://{lab.Edge}{path}"])).Output;

    private async Task<string> AskInMesh(string path) =>
        (await lab.CurlInMesh("--path-as-is", "-w", "|%{http_code}", $"http://{GatewayLab.Addresses["walled"]}{path}")).Output;
}
