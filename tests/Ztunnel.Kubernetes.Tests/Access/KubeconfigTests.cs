using System.Text;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Kubernetes.Tests.Access;

public sealed class KubeconfigTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void The_current_context_names_server_and_namespace_unless_another_is_named()
    {
        string file = Config("token: secret-token", "server: https://api.example:6443/prefix");
        ApiAccess access = ApiAccess.FromKubeconfig(file);
        Assert.Equal(("https://api.example:6443/prefix", "prod"), (access.Server.ToString(), access.Namespace));
        Assert.Contains("context one", access.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("secret-token", access.ToString(), StringComparison.Ordinal);
        Assert.Equal("default", ApiAccess.FromKubeconfig(file, "two").Namespace);
    }

    [Fact]
    public async Task A_token_is_sent_and_one_in_a_file_is_read_again_when_refused()
    {
        string token = _directory.Write("token", "old\n");
        await using ScriptedServer server = await ScriptedServer.Start(context =>
            context.Request.Headers.Authorization == "Bearer new"
                ? ScriptedServer.Json(context, "{}")
                : ScriptedServer.Status(context, 401, "Unauthorized", "Unauthorized"));
        using var client = new ApiClient(ApiAccess.FromKubeconfig(Config("tokenFile: token", $"server: {server.Address}")), server.Options);
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Equal(401, (int)refused.Code);
        Assert.Single(server.Requests);
        await File.WriteAllTextAsync(token, "new", Cancelled);
        await client.Get(ApiResource.Pods.All(), Cancelled);
        Assert.Equal(["Bearer old", "Bearer old", "Bearer new"], server.Requests.Select(asked => asked.Authorization), StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_server_must_be_vouched_for_by_the_root_that_is_given()
    {
        using var ours = new ServerCertificates();
        using var theirs = new ServerCertificates();
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Json(context, "{}"), ours.Issue("api", "localhost"));
        string cluster = $"server: {server.Address}\n    certificate-authority-data: ";
        using var good = new ApiClient(ApiAccess.FromKubeconfig(Config("token: t", cluster + Base64(ours.RootPem))), server.Options);
        await good.Get(ApiResource.Pods.All(), Cancelled);
        Assert.Equal("HTTP/2", Assert.Single(server.Requests).Protocol);
        using var bad = new ApiClient(ApiAccess.FromKubeconfig(Config("token: t", cluster + Base64(theirs.RootPem))), server.Options);
        ApiException refused = await Assert.ThrowsAsync<ApiException>(() => bad.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Contains("certificate", refused.Message, StringComparison.Ordinal);
        Assert.Single(server.Requests);
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("\n    tls-server-name: kubernetes.default", true)]
    public async Task The_certificate_must_have_the_name_asked_for(string also, bool good)
    {
        using var authority = new ServerCertificates();
        await using ScriptedServer server = await ScriptedServer.Start(
            context => ScriptedServer.Json(context, "{}"), authority.Issue("api", "kubernetes.default"));
        string root = _directory.Write("ca.crt", authority.RootPem);
        ApiAccess access = ApiAccess.FromKubeconfig(Config("token: t", $"server: {server.Address}\n    certificate-authority: {root}{also}"));
        using var client = new ApiClient(access, server.Options);
        if (good)
            await client.Get(ApiResource.Pods.All(), Cancelled);
        else
            await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
    }

    [Fact]
    public async Task A_client_certificate_is_shown_and_a_renewed_one_is_used()
    {
        using var authority = new ServerCertificates();
        await using ScriptedServer server = await ScriptedServer.Start(
            context => context.Connection.ClientCertificate?.Subject == "CN=second"
                ? ScriptedServer.Json(context, "{}")
                : ScriptedServer.Status(context, 401, "Unauthorized", "expired"),
            authority.Issue("api", "localhost"),
            clientCertificates: true);
        Write(authority.IssuePem("first"));
        string cluster = $"server: {server.Address}\n    certificate-authority-data: {Base64(authority.RootPem)}";
        using var client = new ApiClient(
            ApiAccess.FromKubeconfig(Config("client-certificate: client.crt\n    client-key: client.key", cluster)), server.Options);
        await Assert.ThrowsAsync<ApiException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Write(authority.IssuePem("second"));
        await client.Get(ApiResource.Pods.All(), Cancelled);
        Assert.Equal(["CN=first", "CN=first", "CN=second"], server.Requests.Select(asked => asked.ClientName), StringComparer.Ordinal);

        void Write((string Certificate, string Key) pair)
        {
            _directory.Write("client.crt", pair.Certificate);
            _directory.Write("client.key", pair.Key);
        }
    }

    [Fact]
    public async Task A_program_gives_the_credential_and_is_asked_again_when_that_is_refused()
    {
        _directory.Write("plugin", """
            #!/bin/sh
            n=$(cat "$COUNT" 2>/dev/null || echo 0); n=$((n+1)); echo $n >"$COUNT"
            echo "$KUBERNETES_EXEC_INFO" >"$COUNT.info"
            echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"token-'$n-$1'"}}'
            """);
        string count = Path.Combine(_directory.Path, "count");
        await using ScriptedServer server = await ScriptedServer.Start(context =>
            context.Request.Headers.Authorization == "Bearer token-2-x"
                ? ScriptedServer.Json(context, "{}")
                : ScriptedServer.Status(context, 401, "Unauthorized", "Unauthorized"));
        string exec = $$"""
            exec:
                  apiVersion: client.authentication.k8s.io/v1
                  command: sh
                  args: [{{Path.Combine(_directory.Path, "plugin")}}, x]
                  interactiveMode: IfAvailable
                  provideClusterInfo: true
                  env: [{name: COUNT, value: {{count}}}]
            """;
        using var client = new ApiClient(ApiAccess.FromKubeconfig(Config(exec, $"server: {server.Address}")), server.Options);
        await client.Get(ApiResource.Pods.All(), Cancelled);
        await client.Get(ApiResource.Pods.All(), Cancelled);
        Assert.Equal(["Bearer token-1-x", "Bearer token-2-x", "Bearer token-2-x"], server.Requests.Select(asked => asked.Authorization), StringComparer.Ordinal);
        JsonNode info = JsonNode.Parse(await File.ReadAllTextAsync(count + ".info", Cancelled))!;
        Assert.Equal(server.Address.ToString(), (string?)info["spec"]!["cluster"]!["server"]);
        Assert.False((bool)info["spec"]!["interactive"]!);
    }

    [Theory]
    [InlineData("echo secret-output >&2; exit 3", "ended with 3")]
    [InlineData("echo secret-output", "did not answer with an ExecCredential")]
    [InlineData("echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{}}'", "neither a token nor")]
    [InlineData("printf %s '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"secret-output\\u000a\"}}'", "gave what is not a token")]
    [InlineData("printf %s '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"secret-output\\u00e9\"}}'", "gave what is not a token")]
    public async Task A_program_that_fails_is_named_without_what_it_says(string script, string fault)
    {
        string exec = $"exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: sh\n      args: [-c, {YamlQuoted(script)}]";
        using var client = new ApiClient(ApiAccess.FromKubeconfig(Config(exec, "server: http://127.0.0.1:9")));
        ApiAccessException failed = await Assert.ThrowsAsync<ApiAccessException>(() => client.Get(ApiResource.Pods.All(), Cancelled));
        Assert.Contains("users[0].user.exec: sh", failed.Message, StringComparison.Ordinal);
        Assert.Contains(fault, failed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-output", failed.ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("exec sleep 1000")]
    [InlineData("sleep 1000 & exit 0")]
    public async Task A_program_that_does_not_end_is_named_and_ended(string script)
    {
        string exec = $"exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: sh\n      args: [-c, {YamlQuoted($"echo $$ >{_directory.Path}/pid; {script}")}]";
        var time = new ManualTime();
        using var client = new ApiClient(ApiAccess.FromKubeconfig(Config(exec, "server: http://127.0.0.1:9")), time: time);
        Task<JsonNode> asked = client.Get(ApiResource.Pods.All(), Cancelled);
        string pid = Path.Combine(_directory.Path, "pid");
        await Eventually.Holds(() => File.Exists(pid) && File.ReadAllText(pid).EndsWith('\n'));
        time.Advance(TimeSpan.FromSeconds(20));
        ApiAccessException failed = await Assert.ThrowsAsync<ApiAccessException>(() => asked);
        Assert.Contains("users[0].user.exec: sh did not end within 20 s", failed.Message, StringComparison.Ordinal);
        await Eventually.Holds(() => !File.Exists($"/proc/{File.ReadAllText(pid).Trim()}/exe"));
    }

    [Theory]
    [InlineData("username: a\n    password: hunter2", "server: https://a", "users[0].user.username: is not supported")]
    [InlineData("token: a", "server: ftp://a", "clusters[0].cluster.server: is not an address of https or http")]
    [InlineData("token: a", "servr: https://a", "clusters[0].cluster.server: is required")]
    [InlineData("token: a", "server: https://a\n    certificate-authority-data: '?hunter2'", "clusters[0].cluster.certificate-authority-data: is not base64")]
    [InlineData("client-certificate: a.crt", "server: https://a", "users[0].user.client-key: is required")]
    [InlineData("exec:\n      command: x\n      apiVersion: other/v1", "server: https://a", "users[0].user.exec.apiVersion: expected client.authentication.k8s.io/v1 or")]
    [InlineData("token: [hunter2]", "server: https://a", "users[0].user.token: expected a string")]
    public void A_mistake_is_told_by_file_and_field_without_what_stands_there(string user, string cluster, string message)
    {
        string file = Config(user, cluster);
        ApiAccessException wrong = Assert.Throws<ApiAccessException>(() => ApiAccess.FromKubeconfig(file));
        Assert.StartsWith(file, wrong.Message, StringComparison.Ordinal);
        Assert.Contains(message, wrong.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_context_that_is_not_there_is_named()
    {
        ApiAccessException wrong = Assert.Throws<ApiAccessException>(() => ApiAccess.FromKubeconfig(Config("token: a", "server: https://a"), "three"));
        Assert.EndsWith("contexts: there is none named \"three\"", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_several_files_the_first_to_name_something_counts()
    {
        string first = _directory.Write("first", "current-context: two\nclusters: [{name: c, cluster: {server: 'https://first'}}]");
        string second = Config("token: a", "server: https://second");
        string missing = Path.Combine(_directory.Path, "missing");
        ApiAccess access = ApiAccess.FromKubeconfig(string.Join(Path.PathSeparator, missing, first, second));
        Assert.Equal("https://first/", access.Server.ToString());
    }

    [Fact]
    public async Task In_a_pod_the_account_is_used()
    {
        using var authority = new ServerCertificates();
        await using ScriptedServer server = await ScriptedServer.Start(context => ScriptedServer.Json(context, "{}"), authority.Issue("api", "localhost"));
        _directory.Write("token", "pod-token\n");
        _directory.Write("namespace", "istio-system");
        _directory.Write("ca.crt", authority.RootPem);
        ApiAccess access = ApiAccess.Find(null, null, Environment, _directory.Path);
        Assert.Equal("istio-system", access.Namespace);
        using var client = new ApiClient(access, server.Options);
        await client.Get(ApiResource.Pods.All(), Cancelled);
        Assert.Equal("Bearer pod-token", Assert.Single(server.Requests).Authorization);

        string? Environment(string name) => name switch
        {
            "KUBERNETES_SERVICE_HOST" => "localhost",
            "KUBERNETES_SERVICE_PORT" => server.Address.Port.ToString(),
            _ => null,
        };
    }

    [Fact]
    public void In_a_pod_a_missing_token_is_named()
    {
        ApiAccessException wrong = Assert.Throws<ApiAccessException>(
            () => ApiAccess.InCluster(_directory.Path, name => name.EndsWith("HOST", StringComparison.Ordinal) ? "fd00::1" : "443"));
        Assert.Contains(Path.Combine(_directory.Path, "token"), wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_there_is_is_found_in_kubectls_order()
    {
        string file = Config("token: a", "server: https://file");
        Assert.Equal("file", ApiAccess.Find(file, null, _ => null, "/none").Server.Host);
        Assert.Equal("file", ApiAccess.Find(null, "two", name => name is "KUBECONFIG" ? file : "set", "/none").Server.Host);
        Directory.CreateDirectory(Path.Combine(_directory.Path, ".kube"));
        File.Move(file, Path.Combine(_directory.Path, ".kube", "config"));
        Assert.Equal("file", ApiAccess.Find(null, null, name => name is "HOME" ? _directory.Path : null, "/none").Server.Host);
        Assert.Contains(
            "no way to the Kubernetes API", Assert.Throws<ApiAccessException>(() => ApiAccess.Find(null, null, _ => null, "/none")).Message, StringComparison.Ordinal);
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static string YamlQuoted(string text) => $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";

    private string Config(string user, string cluster) => _directory.Write("config", $$$"""
        apiVersion: v1
        kind: Config
        current-context: one
        contexts:
        - {name: one, context: {cluster: c, user: u, namespace: prod}}
        - {name: two, context: {cluster: c, user: u}}
        clusters:
        - name: c
          cluster:
            {{{cluster}}}
        users:
        - name: u
          user:
            {{{user}}}
        """);
}
