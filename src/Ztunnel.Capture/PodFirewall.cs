using System.Net.Sockets;
using Ztunnel.IO;

namespace Ztunnel.Capture;

/// <summary>
/// Puts <see cref="PodRules"/> into network namespaces with <c>nft</c>, looks whether they are still there, and takes them away. One
/// serves all pods that have the same rules.
/// </summary>
internal sealed class PodFirewall(ProbePath probes, bool bypassInbound)
{
    private readonly string _install = PodRules.InstallFor(probes, bypassInbound);
    private string? _listing;

    /// <summary>
    /// Installs the rules. Returns the generation of the ruleset that holds them and nothing else new; null when someone else
    /// changed the ruleset at the same time, so that it has to be looked at.
    /// </summary>
    public Task<uint?> Install(NetworkNamespace ns, CancellationToken cancellationToken) => Nft.Apply(ns, _install, cancellationToken);

    /// <summary>Ends capture of new connections.</summary>
    public static Task Drain(NetworkNamespace ns, CancellationToken cancellationToken) => Nft.Apply(ns, PodRules.Drain, cancellationToken);

    /// <summary>Whether a table of ours is there.</summary>
    public static async Task<bool> IsPresent(NetworkNamespace ns, CancellationToken cancellationToken) =>
        (await Nft.List(ns, PodRules.Table, cancellationToken)).ExitCode == 0;

    /// <summary>Takes the rules and the routing away.</summary>
    public static async Task Remove(NetworkNamespace ns, CancellationToken cancellationToken)
    {
        await Nft.Apply(ns, PodRules.Remove, cancellationToken);
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

    /// <summary>What is different from the rules as they should be; null when nothing is.</summary>
    public async Task<string?> Difference(NetworkNamespace ns, CancellationToken cancellationToken)
    {
        string expected = _listing ??= await Nft.Learn(_install, PodRules.Table, cancellationToken);
        ProcessResult listing = await Nft.List(ns, PodRules.Table, cancellationToken);
        return PodRules.Difference(expected, listing.ExitCode == 0 ? listing.Output : "");
    }
}
