using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.Testing.Cluster;

/// <summary>
/// Calls a node's CNI plugins as a container runtime does (CNI specification 1.0, sections 2 to 4): the first configuration of the
/// directory, each plugin with the result of the one before it, in the reverse order for DEL.
/// </summary>
/// <param name="configuration">The directory of configurations, as the node's programs are to see it now.</param>
/// <param name="plugins">Where the plugins are on the machine.</param>
/// <param name="run">Runs a command on the node with the node's files.</param>
internal sealed class CniChain(string configuration, string plugins, Func<LabCommand, CancellationToken, Task<ProcessResult>> run)
{
    /// <summary>
    /// The primary plugin: the lab has wired the pod already, so it only says so.
    /// </summary>
    private const string Primary = "lab-bridge";

    /// <summary>Puts the primary plugin and its configuration there.</summary>
    public void Install()
    {
        Directory.CreateDirectory(configuration);
        Directory.CreateDirectory(plugins);
        string program = Path.Combine(plugins, Primary);
        File.WriteAllText(program, """
            #!/bin/sh
            cat > /dev/null
            case "$CNI_COMMAND" in
            VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}';;
            ADD) echo "$LAB_RESULT";;
            esac
            """);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.WriteAllText(
            Path.Combine(configuration, "10-lab.conflist"),
            $$"""{"cniVersion": "1.0.0", "name": "lab", "plugins": [{"type": "{{Primary}}"}]}""");
    }

    /// <summary>Adds a pod to its networks. Throws <see cref="LabException"/> with what a plugin said when one refuses.</summary>
    public async Task<CniAttachment> Add(LabPod pod, string uid, CancellationToken cancellationToken)
    {
        JsonObject list = Read();
        string version = list["cniVersion"]!.GetValue<string>();
        var attachment = new CniAttachment(list, pod, uid);
        JsonNode? result = null;
        foreach (JsonNode? plugin in list["plugins"]!.AsArray())
        {
            string output = await Call("ADD", attachment, plugin!.AsObject(), result, cancellationToken);
            result = JsonNode.Parse(output) ?? throw new LabException($"CNI plugin {plugin["type"]} answered nothing to ADD");
        }

        if (result?["cniVersion"]?.GetValue<string>() != version)
            throw new LabException($"the CNI plugins' result is of another version than {version}: {result?.ToJsonString()}");
        attachment.Result = result;
        return attachment;
    }

    /// <summary>Takes a pod off its networks, by the configuration it was added with.</summary>
    public async Task Delete(CniAttachment attachment, CancellationToken cancellationToken)
    {
        foreach (JsonNode? plugin in attachment.Configuration["plugins"]!.AsArray().Reverse())
            await Call("DEL", attachment, plugin!.AsObject(), attachment.Result, cancellationToken);
    }

    private JsonObject Read()
    {
        string file = Directory.EnumerateFiles(configuration)
            .Where(each => Path.GetExtension(each) is ".conf" or ".conflist" or ".json")
            .Order(StringComparer.Ordinal)
            .FirstOrDefault() ?? throw new LabException("no networks found in the CNI configuration directory");
        try
        {
            return JsonNode.Parse(File.ReadAllText(file))!.AsObject();
        }
        catch (JsonException exception)
        {
            throw new LabException($"CNI configuration {Path.GetFileName(file)}: {exception.Message}");
        }
    }

    private async Task<string> Call(string command, CniAttachment attachment, JsonObject plugin, JsonNode? previous, CancellationToken cancellationToken)
    {
        JsonObject input = plugin.DeepClone().AsObject();
        input["cniVersion"] = attachment.Configuration["cniVersion"]!.DeepClone();
        input["name"] = attachment.Configuration["name"]!.DeepClone();
        if (previous is not null)
            input["prevResult"] = previous.DeepClone();
        LabPod pod = attachment.Pod;
        string type = plugin["type"]!.GetValue<string>();
        ProcessResult result = await run(
            new LabCommand($"/opt/cni/bin/{type}")
            {
                Input = input.ToJsonString(),
                Environment = ImmutableDictionary<string, string>.Empty
                    .Add("CNI_COMMAND", command)
                    .Add("CNI_CONTAINERID", attachment.Uid.Replace("-", "", StringComparison.Ordinal))
                    .Add("CNI_NETNS", pod.NetworkNamespace.Path)
                    .Add("CNI_IFNAME", "eth0")
                    .Add("CNI_PATH", "/opt/cni/bin")
                    .Add("CNI_ARGS", $"IgnoreUnknown=1;K8S_POD_NAMESPACE={pod.Namespace};K8S_POD_NAME={pod.Name};K8S_POD_INFRA_CONTAINER_ID={attachment.Uid.Replace("-", "", StringComparison.Ordinal)};K8S_POD_UID={attachment.Uid}")
                    .Add("LAB_RESULT", PrimaryResult(pod)),
            },
            cancellationToken);
        return result.ExitCode == 0
            ? result.Output
            : throw new LabException($"CNI plugin {type} refused {command} of {pod}: {result.Output}{result.Error}");
    }

    private static string PrimaryResult(LabPod pod) => new JsonObject
    {
        ["cniVersion"] = "1.0.0",
        ["interfaces"] = new JsonArray(new JsonObject { ["name"] = "eth0", ["sandbox"] = pod.NetworkNamespace.Path }),
        ["ips"] = new JsonArray([.. pod.Addresses.Select(address => new JsonObject
        {
            ["address"] = $"{address}/{(address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? 64 : 24)}",
            ["interface"] = 0,
        })]),
        ["dns"] = new JsonObject(),
    }.ToJsonString();
}

/// <summary>What became of ADD, which DEL needs again.</summary>
internal sealed record CniAttachment(JsonObject Configuration, LabPod Pod, string Uid)
{
    public JsonNode? Result { get; set; }
}
