using System.CommandLine;
using System.Net;
using Ztunnel.Control;

namespace Ztunnel;

/// <summary>The flags of <c>ztunnel controller</c> that say how it signs certificates.</summary>
internal sealed class ClusterAuthorityFlags
{
    private static readonly ClusterAuthorityOptions Defaults = new();

    private readonly Option<bool> _signs = new("--ca")
    {
        Description = "Whether to sign certificates; false where another authority does, such as istiod.",
        DefaultValueFactory = _ => true,
    };

    private readonly Option<string> _listen = new("--ca-listen")
    {
        Description = "Address at which certificates are signed.",
        DefaultValueFactory = _ => Defaults.Listen.ToString(),
    };

    private readonly Option<string[]> _nodes = new("--ca-node-account")
    {
        Description = "NAMESPACE/NAME of a service account of nodes' agents, which may ask for the identities of their node's pods. "
            + "May be given several times. Default: ztunnel in the root namespace.",
    };

    private readonly Option<double> _lifetime = NumberFlag.Create(
        "--ca-max-lifetime-hours", Defaults.MaxLifetime.TotalHours, 0.1, 24 * 90, "The longest a certificate is valid, and how long the default is at most.");

    private readonly Option<double> _propagation = NumberFlag.Create(
        "--ca-propagation-seconds",
        Defaults.Propagation.TotalSeconds,
        1,
        86_400,
        "How long a new root is in every namespace before it signs; longer than the kubelets take to bring ConfigMaps into pods.");

    public ClusterAuthorityFlags()
    {
        NameFlag.Demand(_listen, value => IPEndPoint.TryParse(value, out IPEndPoint? at) && at.Port > 0 ? null : "must be IP:PORT");
        _nodes.Validators.Add(result =>
        {
            foreach (string account in result.GetValueOrDefault<string[]>() ?? [])
            {
                if (account.Split('/') is not [{ Length: > 0 }, { Length: > 0 }])
                    result.AddError($"{_nodes.Name}: must be NAMESPACE/NAME, got \"{account}\"");
            }
        });
    }

    /// <summary>Gives a command these flags.</summary>
    public void AddTo(Command command)
    {
        foreach (Option flag in new Option[] { _signs, _listen, _nodes, _lifetime, _propagation })
            command.Add(flag);
    }

    /// <summary>What they were set to; null where another authority signs.</summary>
    public ClusterAuthorityOptions? Read(ParseResult parsed, string trustDomain, string systemNamespace)
    {
        if (!parsed.GetRequiredValue(_signs))
            return null;
        var longest = TimeSpan.FromHours(parsed.GetRequiredValue(_lifetime));
        return new ClusterAuthorityOptions
        {
            TrustDomain = trustDomain,
            SystemNamespace = systemNamespace,
            Listen = IPEndPoint.Parse(parsed.GetRequiredValue(_listen)),
            NodeAccounts = parsed.GetValue(_nodes) is { Length: > 0 } accounts ? accounts : [$"{systemNamespace}/ztunnel"],
            MaxLifetime = longest,
            DefaultLifetime = longest < Defaults.DefaultLifetime ? longest : Defaults.DefaultLifetime,
            Propagation = TimeSpan.FromSeconds(parsed.GetRequiredValue(_propagation)),
        };
    }
}
