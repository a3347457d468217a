using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ztunnel.Resources;

namespace Ztunnel.Kubernetes;

/// <summary>
/// A program that gives credentials (client.authentication.k8s.io v1 and v1beta1). It is run without a terminal, and again when
/// what it gave has expired or was refused.
/// </summary>
internal sealed class ExecPlugin : ICredentialSource
{
    private const string Group = "client.authentication.k8s.io/";

    // Less than a request waits, so that it is the program that is named, not the server.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Lock _lock = new();
    private Task<(Credential Credential, DateTimeOffset? Expires)>? _run;

    private ExecPlugin()
    {
    }

    public required string Command { get; init; }

    public required string[] Arguments { get; init; }

    public required (string Name, string Value)[] Environment { get; init; }

    public required string ApiVersion { get; init; }

    /// <summary>Where the kubeconfig says all this.</summary>
    public required string Where { get; init; }

    public JsonObject? ClusterInfo { get; init; }

    public static ExecPlugin Read(Field exec, string file, KubeconfigCluster cluster)
    {
        string? command = exec["command"].RequiredText();
        string version = exec["apiVersion"].RequiredText() ?? "";
        if (version.Length > 0 && version is not (Group + "v1" or Group + "v1beta1"))
            exec["apiVersion"].Problem($"expected {Group}v1 or {Group}v1beta1");
        if (string.Equals(exec["interactiveMode"].Text(), "Always", StringComparison.Ordinal))
            exec["interactiveMode"].Problem("is Always, and there is nobody to ask here");
        // A command with a path is looked for from the kubeconfig's directory, one without in PATH.
        string program = command?.Contains('/', StringComparison.Ordinal) == true ? Path.Combine(Path.GetDirectoryName(file)!, command) : command ?? "";
        return new ExecPlugin
        {
            Command = program,
            Arguments = [.. exec["args"].Items().Select(item => item.Text() ?? "")],
            Environment = [.. exec["env"].Items().Select(item => (item["name"].RequiredText() ?? "", item["value"].Text() ?? ""))],
            ApiVersion = version,
            Where = $"{file}: {exec.Path}",
            ClusterInfo = exec["provideClusterInfo"].Flag() == true ? Describe(cluster) : null,
        };
    }

    public async ValueTask<Credential> Get(Credential? refused, TimeProvider time, CancellationToken cancellationToken)
    {
        Task<(Credential Credential, DateTimeOffset? Expires)> run;
        lock (_lock)
        {
            // All who wait share one run, which none of them breaks off.
            if (_run is null || _run.IsFaulted || (_run.IsCompletedSuccessfully && IsPast(_run.Result, refused, time)))
                _run = Run(time);
            run = _run;
        }

        return (await run.WaitAsync(cancellationToken)).Credential;
    }

    private static bool IsPast((Credential Credential, DateTimeOffset? Expires) given, Credential? refused, TimeProvider time) =>
        given.Credential == refused || (given.Expires is { } end && time.GetUtcNow() >= end);

    private static JsonObject Describe(KubeconfigCluster cluster)
    {
        var described = new JsonObject { ["server"] = cluster.Server.ToString(), ["insecure-skip-tls-verify"] = cluster.SkipVerification };
        if (cluster.TlsServerName is not null)
            described["tls-server-name"] = cluster.TlsServerName;
        if (cluster.Roots is not null)
            described["certificate-authority-data"] = Convert.ToBase64String(Encoding.UTF8.GetBytes(cluster.Roots.Read()));
        if (cluster.Proxy is not null)
            described["proxy-url"] = cluster.Proxy.ToString();
        return described;
    }

    private async Task<(Credential Credential, DateTimeOffset? Expires)> Run(TimeProvider time)
    {
        var start = new ProcessStartInfo(Command, Arguments) { UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach ((string name, string value) in Environment)
            start.Environment[name] = value;
        start.Environment["KUBERNETES_EXEC_INFO"] = Request();
        using var patience = new CancellationTokenSource(Patience, time);
        try
        {
            // What the program itself says may hold what it was asked for, so nothing of it is told.
            using Process process = Process.Start(start) ?? throw new ApiAccessException($"{Where}: {Command} was not started");
            process.StandardInput.Close();
            try
            {
                Task<string> output = process.StandardOutput.ReadToEndAsync(patience.Token), errors = process.StandardError.ReadToEndAsync(patience.Token);
                await Task.WhenAll(output, errors, process.WaitForExitAsync(patience.Token));
                return process.ExitCode == 0 ? Parse(await output) : throw new ApiAccessException($"{Where}: {Command} ended with {process.ExitCode}");
            }
            finally
            {
                if (!process.HasExited)
                    process.Kill(entireProcessTree: true);
            }
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new ApiAccessException($"{Where}: {Command} cannot be run: {error.Message}", error);
        }
        catch (OperationCanceledException)
        {
            throw new ApiAccessException($"{Where}: {Command} did not end within {Patience.TotalSeconds} s");
        }
    }

    private string Request()
    {
        var spec = new JsonObject { ["interactive"] = false };
        if (ClusterInfo is not null)
            spec["cluster"] = ClusterInfo.DeepClone();
        return new JsonObject { ["apiVersion"] = ApiVersion, ["kind"] = "ExecCredential", ["spec"] = spec }.ToJsonString();
    }

    private (Credential Credential, DateTimeOffset? Expires) Parse(string output)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(output);
            JsonElement root = document.RootElement;
            if (!string.Equals(Text(root, "apiVersion"), ApiVersion, StringComparison.Ordinal) || !string.Equals(Text(root, "kind"), "ExecCredential", StringComparison.Ordinal))
                throw new ApiAccessException($"{Where}: {Command} did not answer with an ExecCredential of {ApiVersion}");
            JsonElement status = root.GetProperty("status");
            string? token = Text(status, "token"), certificate = Text(status, "clientCertificateData"), key = Text(status, "clientKeyData");
            if (token is null && (certificate is null || key is null))
                throw new ApiAccessException($"{Where}: {Command} gave neither a token nor a client certificate with its key");
            if (token is not null && !Credential.IsToken(token))
                throw new ApiAccessException($"{Where}: {Command} gave what is not a token");
            DateTimeOffset? expires = status.TryGetProperty("expirationTimestamp", out JsonElement end) && end.TryGetDateTimeOffset(out DateTimeOffset at) ? at : null;
            ClientCertificate? pair = certificate is not null && key is not null ? ClientCertificate.FromPem(certificate, key, $"{Where}: {Command}") : null;
            return (new Credential(token, pair), expires);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new ApiAccessException($"{Where}: {Command} did not answer with an ExecCredential");
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text ? text : null;
}
