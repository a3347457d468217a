namespace Ztunnel.Mesh;

/// <summary>
/// How requests to a host are sent (Istio's <c>DestinationRule</c>). Immutable, compared by content. Which of several rules counts
/// for whom <see cref="MeshState.TrafficPolicyFor"/> says.
/// </summary>
public sealed record DestinationRule
{
    /// <summary>Namespace and name.</summary>
    public required PolicyName Name { get; init; }

    /// <summary>Whether its namespace is the mesh's root, whose rules hold where no other is for a host.</summary>
    public bool InRoot { get; init; }

    /// <summary>When it was created, where that is known: of two for the same host in a namespace the older counts.</summary>
    public DateTimeOffset? Created { get; init; }

    /// <summary>The host, in full: that of a service, or one with a leading <c>*.</c> for all below it.</summary>
    public required string Host { get; init; }

    /// <summary>The namespaces whose clients it holds for; <c>*</c> stands for all, and so does none.</summary>
    public ValueArray<string> ExportTo { get; init; } = [];

    /// <summary>The client pods of its own namespace it holds for; null for all, of any.</summary>
    public LabelSelector? Selector { get; init; }

    /// <summary>What holds on ports that have nothing of their own.</summary>
    public TrafficPolicy Policy { get; init; } = TrafficPolicy.None;

    /// <summary>What holds on single ports (<c>portLevelSettings</c>).</summary>
    public ValueArray<PortTrafficPolicy> Ports { get; init; } = [];

    /// <summary>Parts of the host's endpoints. No route of Gateway API leads to one.</summary>
    public ValueArray<Subset> Subsets { get; init; } = [];

    /// <summary>
    /// What holds on a port: the same object each time. What is said for a port takes nothing over from the rule's own: what it
    /// leaves out has its default.
    /// </summary>
    public TrafficPolicy PolicyFor(ushort port)
    {
        foreach (PortTrafficPolicy own in Ports.AsSpan())
        {
            if (own.Port == port)
                return own.Policy;
        }

        return Policy;
    }
}

/// <summary>What holds on one port of a host.</summary>
/// <param name="Port">The service's port.</param>
/// <param name="Policy">What holds there.</param>
public sealed record PortTrafficPolicy(ushort Port, TrafficPolicy Policy);

/// <summary>A named part of a host's endpoints.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Labels">The labels of its endpoints' pods.</param>
/// <param name="Policy">What holds for it in place of the rule's own; null for nothing.</param>
public sealed record Subset(string Name, StringMap Labels, TrafficPolicy? Policy = null);
