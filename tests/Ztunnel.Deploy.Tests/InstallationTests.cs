using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Ztunnel.Testing;

namespace Ztunnel.Deploy.Tests;

/// <summary>
/// What the chart installs works: an API server that holds everybody to roles and bindings, with the chart's objects in it, and the
/// program as the chart's containers start it, under their service accounts.
/// </summary>
public sealed class InstallationTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("ztunnel-installation-");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public async Task An_agent_serves_with_the_rights_of_its_service_account()
    {
        ApiUser account = Account("ztunnel");
        await using ApiServer server = await Install(account);
        await using Container agent = await Start(server, account, "DaemonSet", "ztunnel");

        await Eventually.Holds(() => agent.HasExited || File.Exists(Path.Combine(_directory.FullName, "agent/ready")), Patience);
        (int exit, string said) = await agent.Stop();

        Assert.True(exit == 0, said);
        Assert.DoesNotContain("forbidden", said, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("agent of node node-1 started", said, StringComparison.Ordinal);
    }

    private static ApiUser Account(string name) =>
        new($"system:serviceaccount:istio-system:{name}", "token-of-the-account") { Groups = ["system:serviceaccounts", "system:authenticated"] };

    private static async Task<ApiServer> Install(ApiUser account)
    {
        ApiServer server = await ApiServer.Start(new ApiServerOptions { Rbac = true, Users = [account] });
        foreach (string file in Directory.GetFiles(Path.Combine(Repository.Root, "deploy/manifests")).Order(StringComparer.Ordinal))
            server.Put(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken));
        server.Put("{apiVersion: v1, kind: Node, metadata: {name: node-1}}");
        return server;
    }

    /// <summary>Starts the program as the container would, with its directories below one of the test's and its ports free ones.</summary>
    private async Task<Container> Start(ApiServer server, ApiUser account, string kind, string name)
    {
        string root = _directory.FullName;
        foreach (string directory in (string[])["agent", "run", "secrets/istio", "secrets/tokens", "cni/bin", "cni/conf"])
            Directory.CreateDirectory(Path.Combine(root, directory));
        using (var key = ECDsa.Create(ECCurve.NamedCurves.nistP256))
        using (X509Certificate2 authority = new CertificateRequest("CN=root", key, HashAlgorithmName.SHA256) { CertificateExtensions = { new X509BasicConstraintsExtension(true, false, 0, true) } }
            .CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1)))
        {
            await File.WriteAllTextAsync(Path.Combine(root, "secrets/istio/root-cert.pem"), authority.ExportCertificatePem());
        }

        await File.WriteAllTextAsync(Path.Combine(root, "secrets/tokens/istio-token"), "token");
        server.WriteKubeconfig(Path.Combine(root, "config"), account);

        JsonNode pod = Chart.Objects(await Chart.Render($"node: {{probes: none, runDirectory: {root}/run}}")).Object(kind, name)["spec"]!["template"]!["spec"]!;
        IEnumerable<string> arguments = pod["containers"]![0]!["args"]!.AsArray().Select(argument => ((string)argument!)
            .Replace("$(NODE_NAME)", "node-1", StringComparison.Ordinal)
            .Replace("/var/run/ztunnel-agent", $"{root}/agent", StringComparison.Ordinal)
            .Replace("/var/run/secrets", $"{root}/secrets", StringComparison.Ordinal)
            .Replace("/host/cni", $"{root}/cni", StringComparison.Ordinal));
        return new Container([.. arguments, string.Create(CultureInfo.InvariantCulture, $"--admin=127.0.0.1:{FreePort()}"), string.Create(CultureInfo.InvariantCulture, $"--readiness=127.0.0.1:{FreePort()}")], Path.Combine(root, "config"));
    }

    private static int FreePort()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    /// <summary>The program, running.</summary>
    private sealed class Container : IAsyncDisposable
    {
        private readonly Process _process;
        private readonly StringBuilder _said = new();

        public Container(IEnumerable<string> arguments, string kubeconfig)
        {
            var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "ztunnel"), arguments)
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            start.Environment["KUBECONFIG"] = kubeconfig;
            _process = Process.Start(start)!;
            _process.OutputDataReceived += (_, line) => Hear(line.Data);
            _process.ErrorDataReceived += (_, line) => Hear(line.Data);
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public bool HasExited => _process.HasExited;

        public string Said
        {
            get
            {
                lock (_said)
                    return _said.ToString();
            }
        }

        /// <summary>Ends it as the kubelet does.</summary>
        public async Task<(int Exit, string Said)> Stop()
        {
            if (!_process.HasExited)
                await Run.Program("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)]);
            await _process.WaitForExitAsync(TestContext.Current.CancellationToken).WaitAsync(Patience);
            return (_process.ExitCode, Said);
        }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited)
                _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        private void Hear(string? line)
        {
            lock (_said)
                _said.AppendLine(line);
        }
    }
}
