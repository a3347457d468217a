namespace Ztunnel.Capture;

/// <summary>What the runtime gives the plugin in its environment.</summary>
internal sealed record CniCall
{
    /// <summary>The variable that says that this process is run as a plugin.</summary>
    public const string CommandVariable = "CNI_COMMAND";

    private readonly Func<string, string?> _environment;
    private readonly Dictionary<string, string> _arguments;

    /// <summary>Reads the call; what is missing is only missed when it is asked for.</summary>
    public CniCall(Func<string, string?> environment)
    {
        _environment = environment;
        _arguments = (environment("CNI_ARGS") ?? "").Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(argument => argument.Split('=', 2))
            .Where(argument => argument.Length == 2)
            .DistinctBy(argument => argument[0], StringComparer.Ordinal)
            .ToDictionary(argument => argument[0], argument => argument[1], StringComparer.Ordinal);
    }

    /// <summary>What to do.</summary>
    public string Command => Required(CommandVariable);

    /// <summary>The path of the sandbox's network namespace.</summary>
    public string NetworkNamespace => Required("CNI_NETNS");

    /// <summary>The same, where it may be missing.</summary>
    public string? KnownNetworkNamespace => _environment("CNI_NETNS") is { Length: > 0 } path ? path : null;

    /// <summary>The pod's namespace; null when the sandbox is no pod's of a cluster.</summary>
    public string? PodNamespace => _arguments.GetValueOrDefault("K8S_POD_NAMESPACE");

    /// <summary>The pod's name; null as <see cref="PodNamespace"/> is.</summary>
    public string? PodName => _arguments.GetValueOrDefault("K8S_POD_NAME");

    /// <summary>The pod's uid; null from runtimes that do not say it.</summary>
    public string? PodUid => _arguments.GetValueOrDefault("K8S_POD_UID") is { Length: > 0 } uid ? uid : null;

    /// <summary>Throws <see cref="CniException"/> unless all that a command about a sandbox needs is there.</summary>
    public void RequireSandbox()
    {
        _ = Required("CNI_CONTAINERID");
        _ = Required("CNI_IFNAME");
        _ = NetworkNamespace;
    }

    private string Required(string name) => _environment(name) is { Length: > 0 } value
        ? value
        : throw new CniException(CniError.InvalidEnvironment, $"the environment variable {name} is missing");
}
