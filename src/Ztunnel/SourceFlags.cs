using System.CommandLine;
using System.CommandLine.Parsing;
using Ztunnel.Kubernetes;

namespace Ztunnel;

/// <summary>The flags that say where the Kubernetes objects come from: a directory or a cluster, exactly one of them.</summary>
internal sealed class SourceFlags
{
    private const string Trimmed = "trimmed", Full = "full";

    private readonly Option<DirectoryInfo?> _manifests = new("--manifests") { Description = "Directory of Kubernetes YAML, watched." };

    private readonly ClusterFlags _cluster = new();

    private readonly Option<string> _pods = new("--pods")
    {
        Description = $"How pods of other nodes are read from a cluster: {Trimmed} (metadata and address, enough where ztunnel enrols all pods), "
            + $"or {Full} (needed where another agent, such as Istio's CNI, enrols them).",
        DefaultValueFactory = _ => Trimmed,
    };

    public SourceFlags()
    {
        _manifests.Validators.Add(static result =>
        {
            if (result.GetValueOrDefault<DirectoryInfo>() is { Exists: false } directory)
                result.AddError($"--manifests: {directory.FullName} is not a directory");
        });
        NameFlag.Demand(_pods, value => value is Trimmed or Full ? null : $"must be {Trimmed} or {Full}");
    }

    /// <summary>Gives a command these flags.</summary>
    public void AddTo(Command command)
    {
        command.Add(_manifests);
        _cluster.AddTo(command);
        command.Add(_pods);
        command.Validators.Add(Check);
    }

    /// <summary>What they were set to. <paramref name="options"/> says what is read of a cluster.</summary>
    public SourceChoice Read(ParseResult parsed, KubernetesSourceOptions options) =>
        parsed.GetValue(_manifests) is { } directory
            ? new SourceChoice.Manifests(directory.FullName)
            : new SourceChoice.Cluster(_cluster.Read(parsed), options with { FullPods = parsed.GetValue(_pods) is Full });

    private void Check(CommandResult result)
    {
        bool manifests = result.GetResult(_manifests) is not null;
        bool cluster = _cluster.AreSet(result);
        if (manifests && cluster)
            result.AddError("--manifests: the objects come either from a directory or from a cluster, not from both");
        else if (!manifests && !cluster)
            result.AddError("--manifests or --kubernetes is required: it says where the objects come from");
    }
}
