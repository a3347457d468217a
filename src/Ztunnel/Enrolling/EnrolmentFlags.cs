using System.CommandLine;
using Ztunnel.Mesh;

namespace Ztunnel;

/// <summary>The flags of <c>ztunnel node</c> that say which pods it enrols, and how it comes by them.</summary>
internal sealed class EnrolmentFlags
{
    private readonly CniFlags _directories = new();

    private readonly Option<string?> _proc = new("--proc")
    {
        Description = "Where the node's /proc is: pods' network namespaces are found by their processes there, and the annotation is not looked at.",
    };

    private readonly Option<bool> _cni = new("--cni")
    {
        Description = "Install this program as a CNI plugin of the node and keep it installed, so that pods are captured before their first "
            + "process starts. With --run-directory, which has the same path for the node's runtime.",
    };

    private readonly Option<string?> _daemonSet = new("--daemonset")
    {
        Description = "The DaemonSet that this agent is a pod of, NAMESPACE/NAME: when it is deleted, the agent takes the plugin of --cni with it as it ends.",
    };

    private readonly Option<string[]> _excluded = new("--exclude-namespaces")
    {
        Description = "Namespaces whose pods stay out of the mesh whatever their labels, separated by commas.",
        DefaultValueFactory = _ => ["kube-system"],
    };

    private readonly Option<string[]> _discovery = new("--discovery-selectors")
    {
        Description = "Label selector of the namespaces that take part, such as istio-discovery=enabled; may be given several times, of which one has to match. All without it.",
    };

    public EnrolmentFlags()
    {
        _daemonSet.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<string?>() is { } text && DaemonSetName.Parse(text) is null)
                result.AddError($"--daemonset: must be NAMESPACE/NAME, got \"{text}\"");
        });
        _discovery.Validators.Add(result =>
        {
            foreach (string text in result.Tokens.Select(token => token.Value))
            {
                if (LabelSelectorText.Parse(text, out string? fault) is null)
                    result.AddError($"--discovery-selectors: {fault}");
            }
        });
    }

    /// <summary>Gives a command these flags.</summary>
    public void AddTo(Command command)
    {
        command.Add(_proc);
        command.Add(_cni);
        command.Add(_daemonSet);
        command.Add(_excluded);
        command.Add(_discovery);
        _directories.AddDirectoriesTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(_cni) && result.GetValue<string?>("--run-directory") is null)
                result.AddError("--cni needs --run-directory, where the plugin finds the agent");
            if (result.GetValue(_daemonSet) is not null && (!result.GetValue(_cni) || result.GetValue<DirectoryInfo?>("--manifests") is not null))
                result.AddError("--daemonset is for an agent with --cni in a cluster");
        });
    }

    /// <summary>The options with what the flags say.</summary>
    public NodeAgentOptions Read(ParseResult parsed, NodeAgentOptions options)
    {
        string[] excluded = [.. parsed.GetRequiredValue(_excluded).SelectMany(names => names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))];
        return options with
        {
            Proc = parsed.GetValue(_proc),
            DaemonSet = parsed.GetValue(_daemonSet) is { } daemonSet ? DaemonSetName.Parse(daemonSet) : null,
            ExcludedNamespaces = [.. excluded],
            DiscoverySelectors = [.. (parsed.GetValue(_discovery) ?? []).Select(text => LabelSelectorText.Parse(text, out _)).OfType<LabelSelector>()],
            Cni = parsed.GetValue(_cni)
                ? _directories.Read(parsed, Path.GetFullPath(options.RunDirectory!)) with { ExcludedNamespaces = [.. excluded], SystemNamespace = options.RootNamespace }
                : null,
        };
    }
}
