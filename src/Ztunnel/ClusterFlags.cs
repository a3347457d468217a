using System.CommandLine;
using System.CommandLine.Parsing;
using Microsoft.Extensions.Logging;
using Ztunnel.Kubernetes;

namespace Ztunnel;

/// <summary>The flags that say which cluster.</summary>
internal sealed class ClusterFlags
{
    private readonly Option<bool> _kubernetes = new("--kubernetes")
    {
        Description = "The cluster's API server: as the pod that this runs in, or by $KUBECONFIG or ~/.kube/config.",
    };

    private readonly Option<string?> _kubeconfig = new("--kubeconfig") { Description = "The cluster's API server, by this kubeconfig file. Stands for --kubernetes too." };

    private readonly Option<string?> _context = new("--context") { Description = "The kubeconfig's context. Stands for --kubernetes too." };

    /// <summary>Gives a command these flags.</summary>
    public void AddTo(Command command)
    {
        foreach (Option flag in new Option[] { _kubernetes, _kubeconfig, _context })
            command.Add(flag);
    }

    /// <summary>Gives a command these flags, one of which it must have.</summary>
    public void RequireIn(Command command)
    {
        AddTo(command);
        command.Validators.Add(result =>
        {
            if (!AreSet(result))
                result.AddError("--kubernetes is required, or --kubeconfig or --context: it says which cluster");
        });
    }

    /// <summary>Whether any of them is set.</summary>
    public bool AreSet(CommandResult result) =>
        result.GetValue(_kubernetes) || result.GetResult(_kubeconfig) is not null || result.GetResult(_context) is not null;

    /// <summary>What they were set to.</summary>
    public ClusterChoice Read(ParseResult parsed) => new(parsed.GetValue(_kubeconfig), parsed.GetValue(_context));
}

/// <summary>Which cluster.</summary>
/// <param name="Kubeconfig">The kubeconfig file; null for the pod's own cluster or the usual files.</param>
/// <param name="Context">The context in it; null for its current one.</param>
internal sealed record ClusterChoice(string? Kubeconfig, string? Context)
{
    /// <summary>Its API server; nothing is asked yet. Throws <see cref="ApiAccessException"/> where no way to the cluster is known.</summary>
    public ApiClient Connect(ILoggerFactory loggers) => new(ApiAccess.Find(Kubeconfig, Context), logger: loggers.CreateLogger<ApiClient>());
}
