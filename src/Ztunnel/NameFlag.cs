using System.CommandLine;
using System.CommandLine.Parsing;
using Ztunnel.Mesh;

namespace Ztunnel;

/// <summary>Flags whose value is a name; one that cannot be is a mistake that names the flag.</summary>
internal static class NameFlag
{
    /// <summary><c>--trust-domain</c>.</summary>
    public static Option<string> TrustDomain()
    {
        var flag = new Option<string>("--trust-domain") { Description = "Trust domain of all identities.", DefaultValueFactory = _ => "cluster.local" };
        flag.Validators.Add(result => Check(result, [result.GetValueOrDefault<string>() ?? ""], TrustDomainFault));
        return flag;
    }

    /// <summary><c>--trust-domain-alias</c>.</summary>
    public static Option<string[]> TrustDomainAliases()
    {
        var flag = new Option<string[]>("--trust-domain-alias")
        {
            Description = "A former trust domain whose identities and principals still count. May be given several times.",
        };
        flag.Validators.Add(result => Check(result, result.GetValueOrDefault<string[]>() ?? [], TrustDomainFault));
        return flag;
    }

    /// <summary>Makes what <paramref name="fault"/> says of a flag's value a mistake; one that was not given is none.</summary>
    public static void Demand(Option<string> flag, Func<string, string?> fault) =>
        flag.Validators.Add(result => Check(result, result.GetValueOrDefault<string>() is { } value ? [value] : [], fault));

    private static void Check(OptionResult result, IReadOnlyList<string> values, Func<string, string?> fault)
    {
        foreach (string value in values)
        {
            if (fault(value) is { } message)
                result.AddError($"{result.Option.Name}: {message}, got \"{value}\"");
        }
    }

    private static string? TrustDomainFault(string value) => SpiffeId.TryCreate(value, "default", "default", out _, out _)
        ? null
        : $"must be a trust domain: 1 to {SpiffeId.MaxTrustDomainLength} lower-case letters, digits, '.', '-' and '_'";
}
