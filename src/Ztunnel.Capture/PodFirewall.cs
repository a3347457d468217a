using System.ComponentModel;
using System.Net.Sockets;
using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>Puts <see cref="PodRules"/> into network namespaces with <c>nft</c>, looks whether they are still there, and takes them away.</summary>
internal sealed class PodFirewall
{
    /// <summary>How long nft may take, so that one that hangs holds up no other pod for good.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private string? _listing;

    /// <summary>
    /// Installs the rules. Returns the generation of the ruleset that holds them and nothing else new; null when someone else
    /// changed the ruleset at the same time, so that it has to be looked at.
    /// </summary>
    public static Task<uint?> Install(NetworkNamespace ns, CancellationToken cancellationToken) => Apply(ns, PodRules.Install, cancellationToken);

    /// <summary>Ends capture of new connections.</summary>
    public static Task Drain(NetworkNamespace ns, CancellationToken cancellationToken) => Apply(ns, PodRules.Drain, cancellationToken);

    /// <summary>Whether a table of ours is there.</summary>
    public static async Task<bool> IsPresent(NetworkNamespace ns, CancellationToken cancellationToken) =>
        (await List(ns, cancellationToken)).ExitCode == 0;

    /// <summary>Takes the rules and the routing away.</summary>
    public static async Task Remove(NetworkNamespace ns, CancellationToken cancellationToken)
    {
        await Apply(ns, PodRules.Remove, cancellationToken);
        RemoveRouting(ns);
    }

    /// <summary>Installs what is missing of the routing for replies; true when something was.</summary>
    /// <param name="ns">Where.</param>
    /// <param name="ipv6">Whether the pod has an IPv6 address, so that doing without would be a failure.</param>
    public static bool EnsureRouting(NetworkNamespace ns, bool ipv6)
    {
        try
        {
            LocalDeliveryState four = PodRules.ReplyRouting.Ensure(ns, AddressFamily.InterNetwork);
            LocalDeliveryState six = PodRules.ReplyRouting.Ensure(ns, AddressFamily.InterNetworkV6);
            return six == LocalDeliveryState.FamilyUnavailable && ipv6
                ? throw new EnrolmentException(EnrolmentFailure.RoutingRefused, "the pod has an IPv6 address, but loopback in its network namespace has IPv6 disabled")
                : four == LocalDeliveryState.Added || six == LocalDeliveryState.Added;
        }
        catch (NetworkNamespaceException failure)
        {
            throw new EnrolmentException(EnrolmentFailure.RoutingRefused, failure.Message, failure);
        }
    }

    /// <summary>Takes the routing away.</summary>
    public static void RemoveRouting(NetworkNamespace ns)
    {
        try
        {
            PodRules.ReplyRouting.Remove(ns, AddressFamily.InterNetwork);
            PodRules.ReplyRouting.Remove(ns, AddressFamily.InterNetworkV6);
        }
        catch (NetworkNamespaceException failure)
        {
            throw new EnrolmentException(EnrolmentFailure.RoutingRefused, failure.Message, failure);
        }
    }

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

    /// <summary>What is different from the rules as they should be; null when nothing is.</summary>
    public async Task<string?> Difference(NetworkNamespace ns, CancellationToken cancellationToken)
    {
        string expected = _listing ??= await Learn(cancellationToken);
        ProcessResult listing = await List(ns, cancellationToken);
        return PodRules.Difference(expected, listing.ExitCode == 0 ? listing.Output : "");
    }

    /// <summary>
    /// Each version of nft writes rules in its own way; so what they should look like is learnt once, in a namespace where
    /// nobody can have changed them.
    /// </summary>
    private static async Task<string> Learn(CancellationToken cancellationToken)
    {
        using NetworkNamespace pristine = NetworkNamespace.Create();
        await Apply(pristine, PodRules.Install, cancellationToken);
        return (await List(pristine, cancellationToken)).Output;
    }

    private static Task<ProcessResult> List(NetworkNamespace ns, CancellationToken cancellationToken) =>
        Nft(ns, ["--stateless", "list", "table", "inet", PodRules.Table], null, cancellationToken);

    private static async Task<uint?> Apply(NetworkNamespace ns, string rules, CancellationToken cancellationToken)
    {
        uint before = Generation(ns);
        ProcessResult result = await Nft(ns, ["-f", "-"], rules, cancellationToken);
        if (result.ExitCode != 0)
            throw new EnrolmentException(EnrolmentFailure.RulesRefused, $"nft: {result.Error.Trim()}");
        return Generation(ns) == before + 1 ? before + 1 : null;
    }

    private static async Task<ProcessResult> Nft(NetworkNamespace ns, string[] arguments, string? input, CancellationToken cancellationToken)
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
