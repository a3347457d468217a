using System.Text.Json.Nodes;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Testing;

namespace Ztunnel.Deploy.Tests;

/// <summary>
/// The agent with the capabilities that the DaemonSet gives it and no other, as root without any would have it, and without the
/// right to gain one: pods whose processes are other users' are found by these processes, enrolled and served.
/// </summary>
public sealed class CapabilityTests : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("ztunnel-capabilities-");
    private readonly KubeletGroups _groups = new();
    private LabNetwork? _network;

    public async ValueTask DisposeAsync()
    {
        if (_network is not null)
            await _network.DisposeAsync();
        await _groups.DisposeAsync();
        _directory.Delete(recursive: true);
    }

    [Fact]
    public async Task With_those_of_the_DaemonSet_pods_are_enrolled_and_served()
    {
        LabProcess agent = await Start(await Granted());

        await Eventually.Holds(() => Captured(agent, "client") && Captured(agent, "server"), Patience);
        ProcessResult answer = await _network!.Pod("client").Exec("curl", "-sS", "-m", "20", $"http://{_network.Pod("server").IPv4}:8080/");

        Assert.True(answer.ExitCode == 0, answer.Error + agent.Output);
        // Through a tunnel, and on to the server from the client's address.
        await agent.WaitForOutput("direction=\"inbound\"", Patience, TestContext.Current.CancellationToken);
        Assert.Contains("src.identity=\"spiffe://cluster.local/ns/default/sa/client\"", agent.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NET_ADMIN")]
    [InlineData("SYS_ADMIN")]
    [InlineData("SYS_PTRACE")]
    public async Task Without_one_of_them_it_cannot_do_its_work(string missing)
    {
        LabProcess agent = await Start([.. (await Granted()).Where(capability => capability != missing)]);

        await Eventually.Holds(() => agent.HasExited || agent.Output.Contains("Pod default/client is not as it should be", StringComparison.Ordinal), Patience);
        Assert.False(Captured(agent, "client"), agent.Output);
    }

    [Fact]
    public async Task With_those_of_the_DaemonSet_the_plugin_is_installed_where_the_directories_are_another_users()
    {
        string configuration = await OthersDirectories();
        LabProcess agent = await StartInstalling(await Granted());

        await agent.WaitForOutput($"the CNI plugin is installed behind {configuration}", Patience, TestContext.Current.CancellationToken);
        Assert.True(Path.Exists(Path.Combine(_directory.FullName, "cni/bin/ztunnel")));
        Assert.True(File.Exists(Path.Combine(_directory.FullName, "cni/conf/00-00-ztunnel.conflist")));
    }

    [Fact]
    public async Task Without_the_right_to_other_users_files_it_cannot_install_the_plugin_there()
    {
        await OthersDirectories();
        LabProcess agent = await StartInstalling([.. (await Granted()).Where(capability => capability != "DAC_OVERRIDE")]);

        await agent.WaitForOutput("the CNI plugin cannot be installed", Patience, TestContext.Current.CancellationToken);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_directory.FullName, "cni/bin")));
    }

    [Fact]
    public async Task A_gateway_needs_none_of_them()
    {
        _network = await LabNetwork.Build(lab => lab.Node("a").Pod("edge"), TestContext.Current.CancellationToken);
        LabPod pod = _network.Pod("edge");
        await File.WriteAllTextAsync(
            Path.Combine(_directory.FullName, "mesh.yaml"),
            $$$"""
            apiVersion: gateway.networking.k8s.io/v1
            kind: GatewayClass
            metadata: {name: istio}
            spec: {controllerName: istio.io/gateway-controller}
            ---
            apiVersion: gateway.networking.k8s.io/v1
            kind: Gateway
            metadata: {name: edge, namespace: default}
            spec: {gatewayClassName: istio, listeners: [{name: http, port: 8080, protocol: HTTP}]}
            ---
            apiVersion: v1
            kind: Pod
            metadata: {name: edge, namespace: default, labels: {gateway.networking.k8s.io/gateway-name: edge}}
            spec: {serviceAccountName: edge, nodeName: a, containers: [{name: main}]}
            status: {podIP: "{{{pod.IPv4}}}", podIPs: [{ip: "{{{pod.IPv4}}}"}], conditions: [{type: Ready, status: "True"}]}
            """,
            TestContext.Current.CancellationToken);

        LabProcess gateway = await pod.Start(Confined([], "gateway", "--name=edge", "--namespace=default", $"--manifests={_directory.FullName}", "--workers=1"));

        await gateway.WaitForOutput("serves as pod default/edge", Patience, TestContext.Current.CancellationToken);
        await pod.WaitUntilListening(8080, gateway, Patience, TestContext.Current.CancellationToken);
    }

    private static bool Captured(LabProcess agent, string pod) => agent.Output.Contains($"Pod default/{pod} is enrolled", StringComparison.Ordinal);

    private static async Task<string[]> Granted()
    {
        JsonNode pod = Chart.Objects(await Chart.Render()).Object("DaemonSet", "ztunnel")["spec"]!["template"]!["spec"]!;
        return [.. pod["containers"]![0]!["securityContext"]!["capabilities"]!["add"]!.AsArray().Select(each => (string)each!)];
    }

    private async Task<LabProcess> Start(string[] capabilities)
    {
        _network = await LabNetwork.Build(lab => lab.Node("a").Pod("client").Pod("server"), TestContext.Current.CancellationToken);
        string yaml = """
            apiVersion: v1
            kind: Namespace
            metadata: {name: default, labels: {istio.io/dataplane-mode: ambient}}

            """;
        foreach (LabPod pod in _network.Pods)
        {
            string uid = Guid.NewGuid().ToString();
            string program = pod.Name == "server" ? "/usr/bin/python3 -m http.server 8080" : "cat";
            await _groups.Start(
                KubeletGroups.PathOf(uid), pod.NetworkNamespace.Path, $"echo there; exec setpriv --reuid=65535 --regid=65535 --clear-groups {program}");
            yaml += $$"""
                ---
                apiVersion: v1
                kind: Pod
                metadata: {name: {{pod.Name}}, namespace: default, uid: {{uid}}}
                spec: {serviceAccountName: {{pod.Name}}, nodeName: a, containers: [{name: main}]}
                status: {podIP: "{{pod.IPv4}}", podIPs: [{ip: "{{pod.IPv4}}"}], conditions: [{type: Ready, status: "True"}]}

                """;
        }

        await File.WriteAllTextAsync(Path.Combine(_directory.FullName, "mesh.yaml"), yaml, TestContext.Current.CancellationToken);
        return await _network.Node("a").Start(Confined(
            capabilities,
            "node",
            "--node=a",
            $"--manifests={_directory.FullName}",
            "--proc=/proc",
            $"--run-directory={Path.Combine(_directory.FullName, "run")}",
            "--workers=1",
            "--drain-seconds=0",
            "--same-node=tunnel",
            "--log-level=info,Microsoft=warn"));
    }

    /// <summary>Makes a node's CNI directories, with a network's configuration, and gives them to another user, as some installers do.</summary>
    private async Task<string> OthersDirectories()
    {
        string configuration = Path.Combine(_directory.FullName, "cni/conf/10-network.conflist");
        Directory.CreateDirectory(Path.Combine(_directory.FullName, "cni/bin"));
        Directory.CreateDirectory(Path.GetDirectoryName(configuration)!);
        await File.WriteAllTextAsync(
            configuration, """{"cniVersion": "1.0.0", "name": "network", "plugins": [{"type": "bridge"}]}""", TestContext.Current.CancellationToken);
        foreach (string[] command in (string[][])[["chmod", "600", configuration], ["chown", "-R", "65534:65534", Path.Combine(_directory.FullName, "cni")]])
        {
            (int exit, _, string error) = await Run.Program(command[0], command[1..]);
            Assert.True(exit == 0, error);
        }

        return configuration;
    }

    private async Task<LabProcess> StartInstalling(string[] capabilities)
    {
        _network = await LabNetwork.Build(lab => lab.Node("a"), TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(_directory.FullName, "mesh.yaml"), "{apiVersion: v1, kind: Namespace, metadata: {name: default}}", TestContext.Current.CancellationToken);
        return await _network.Node("a").Start(Confined(
            capabilities,
            "node",
            "--node=a",
            $"--manifests={_directory.FullName}",
            $"--run-directory={Path.Combine(_directory.FullName, "run")}",
            "--cni",
            $"--cni-bin-dir={Path.Combine(_directory.FullName, "cni/bin")}",
            $"--cni-conf-dir={Path.Combine(_directory.FullName, "cni/conf")}",
            "--workers=1",
            "--drain-seconds=0",
            "--log-level=info,Microsoft=warn"));
    }

    /// <summary>The program as root with these capabilities only, and without the right to gain one.</summary>
    private static LabCommand Confined(string[] capabilities, params string[] arguments) => new(
        "setpriv",
        [
            "--no-new-privs",
            "--inh-caps=-all",
            $"--bounding-set=-all{string.Concat(capabilities.Select(capability => $",+{capability.ToLowerInvariant()}"))}",
            Path.Combine(AppContext.BaseDirectory, "ztunnel"),
            .. arguments,
        ]);
}
