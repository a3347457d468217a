using System.ComponentModel;
using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>Runs <c>nft</c> in network namespaces. What goes wrong is an <see cref="EnrolmentException"/>.</summary>
internal static class Nft
{
    /// <summary>How long nft may take, so that one that hangs holds up no other pod for good.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>The generation of a ruleset.</summary>
    public static uint Generation(NetworkNamespace ns)
    {
        try
        {
            return NamespaceWatch.RulesetGeneration(ns);
        }
        catch (NetworkNamespaceException failure)
        {
            throw new EnrolmentException(EnrolmentFailure.RulesRefused, failure.Message, failure);
        }
    }

    /// <summary>
    /// Applies rules in one transaction. Returns the generation of the ruleset that holds them and nothing else new; null when
    /// someone else changed the ruleset at the same time, so that it has to be looked at.
    /// </summary>
    public static async Task<uint?> Apply(NetworkNamespace ns, string rules, CancellationToken cancellationToken)
    {
        uint before = Generation(ns);
        ProcessResult result = await Run(ns, ["-f", "-"], rules, cancellationToken);
        if (result.ExitCode != 0)
            throw new EnrolmentException(EnrolmentFailure.RulesRefused, $"nft: {result.Error.Trim()}");
        return Generation(ns) == before + 1 ? before + 1 : null;
    }

    /// <summary>
    /// Each version of nft writes rules in its own way; so what they should look like is learnt in a namespace where nobody
    /// can have changed them.
    /// </summary>
    public static async Task<string> Learn(string rules, string table, CancellationToken cancellationToken)
    {
        using NetworkNamespace pristine = NetworkNamespace.Create();
        await Apply(pristine, rules, cancellationToken);
        return (await List(pristine, table, cancellationToken)).Output;
    }

    /// <summary>What a table of family <c>inet</c> holds; a failing exit code when it is not there.</summary>
    public static Task<ProcessResult> List(NetworkNamespace ns, string table, CancellationToken cancellationToken) =>
        Run(ns, ["--stateless", "list", "table", "inet", table], null, cancellationToken);

    private static async Task<ProcessResult> Run(NetworkNamespace ns, string[] arguments, string? input, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(Patience);
        try
        {
            return await ns.RunProcess("nft", arguments, input, deadline.Token);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new EnrolmentException(EnrolmentFailure.RulesRefused, $"nft did not end within {Patience.TotalSeconds:0} s");
        }
        catch (Win32Exception failure)
        {
            throw new EnrolmentException(EnrolmentFailure.RulesRefused, $"nft could not be run: {failure.Message}", failure);
        }
        catch (NetworkNamespaceException failure)
        {
            throw new EnrolmentException(EnrolmentFailure.NamespaceUnusable, failure.Message, failure);
        }
    }
}
