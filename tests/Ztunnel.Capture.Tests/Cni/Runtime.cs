using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture.Tests;

/// <summary>Stands in for a container runtime: calls the plugin as one, for sandboxes whose agent answers at a door of its own.</summary>
internal sealed class Runtime : IAsyncDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("cni-tests-");
    private PluginDoor? _door;

    /// <summary>What the agent is told when it asks for a pod; the model, unless set.</summary>
    public Func<string, string?, Workload?>? Finds { get; set; }

    /// <summary>The configuration that the plugin gets, without <c>prevResult</c>.</summary>
    public JsonObject Configuration(string version = "1.0.0") => new()
    {
        ["cniVersion"] = version,
        ["name"] = "cluster",
        ["type"] = "ztunnel",
        ["runDirectory"] = _directory.FullName,
        ["excludeNamespaces"] = new JsonArray("kube-system"),
        ["systemNamespace"] = "istio-system",
    };

    /// <summary>What a bridge plugin would have made, odd members and spaces included.</summary>
    public static string ResultOf(NetworkNamespace sandbox, params string[] addresses) => $$"""
        { "cniVersion" : "1.0.0", "x-unknown": [ 1.50, null ],
          "interfaces": [ { "name": "cni0", "mac": "00:11:22:33:44:55" }, { "name": "eth0", "sandbox": "{{sandbox.Path}}" } ],
          "ips": [ { "address": "192.0.2.1/24", "interface": 0 }{{string.Concat(addresses.Select(a => $$""", { "interface": 1, "address": "{{a}}/{{(a.Contains(':', StringComparison.Ordinal) ? 64 : 24)}}" }"""))}} ],
          "dns": { } }
        """;

    public void OpenDoor(Agent agent) => _door = PluginDoor.Open(
        _directory.FullName, "node", agent.Enroller, new Pods(this, agent.Mesh), NullLogger.Instance);

    public async Task CloseDoor()
    {
        if (_door is not null)
            await _door.DisposeAsync();
        _door = null;
    }

    /// <summary>Calls the plugin on a thread of its own, as it blocks.</summary>
    public async Task<(int Exit, string Output)> Call(
        string command, NetworkNamespace? sandbox, Workload? pod, string? result = null, string version = "1.0.0", string? input = null)
    {
        JsonObject configuration = Configuration(version);
        string text = configuration.ToJsonString();
        if (result is not null)
            text = $"{text[..^1]},\"prevResult\":{result}}}";
        return await Call(
            input ?? text,
            ("CNI_COMMAND", command),
            ("CNI_CONTAINERID", "0123456789abcdef"),
            ("CNI_IFNAME", "eth0"),
            ("CNI_NETNS", sandbox?.Path ?? ""),
            ("CNI_ARGS", pod is null ? "" : $"IgnoreUnknown=1;K8S_POD_NAMESPACE={pod.Namespace};K8S_POD_NAME={pod.Name};K8S_POD_INFRA_CONTAINER_ID=0123456789abcdef;K8S_POD_UID={pod.Uid}"));
    }

    public static Task<(int Exit, string Output)> Call(string input, params (string Name, string Value)[] variables) => Task.Factory.StartNew(
        () =>
        {
            using var output = new MemoryStream();
            int exit = CniPlugin.Run(
                name => variables.FirstOrDefault(variable => variable.Name == name).Value, new MemoryStream(Encoding.UTF8.GetBytes(input)), output, TextWriter.Null);
            return (exit, Encoding.UTF8.GetString(output.ToArray()));
        },
        TestContext.Current.CancellationToken,
        TaskCreationOptions.LongRunning,
        TaskScheduler.Default);

    public Task<(int Exit, string Output)> Add(NetworkNamespace sandbox, Workload pod, params string[] addresses) =>
        Call("ADD", sandbox, pod, ResultOf(sandbox, addresses));

    /// <summary>The code of an error that the plugin wrote.</summary>
    public static (int Code, string Message) ErrorIn((int Exit, string Output) ended)
    {
        Assert.Equal(1, ended.Exit);
        using JsonDocument error = JsonDocument.Parse(ended.Output);
        Assert.False(string.IsNullOrEmpty(error.RootElement.GetProperty("cniVersion").GetString()));
        return (error.RootElement.GetProperty("code").GetInt32(), error.RootElement.GetProperty("msg").GetString()!);
    }

    public async ValueTask DisposeAsync()
    {
        await CloseDoor();
        _directory.Delete(recursive: true);
    }

    private sealed class Pods(Runtime runtime, MeshState mesh) : IPodDirectory
    {
        public ValueTask<Workload?> Find(string @namespace, string name, string? uid, CancellationToken cancellationToken) =>
            ValueTask.FromResult(runtime.Finds is { } finds ? finds(name, uid) : mesh.WorkloadByUid(uid ?? ""));
    }
}
