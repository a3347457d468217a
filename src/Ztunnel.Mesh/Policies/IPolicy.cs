using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>What policies of all kinds have in common.</summary>
public interface IPolicy
{
    /// <summary>The policy's own namespace and name.</summary>
    PolicyName Name { get; }

    /// <summary>Which workloads it is about.</summary>
    PolicyScope Scope { get; }

    /// <summary>
    /// What it is attached to by <c>targetRef</c> or <c>targetRefs</c> and so is enforced for requests only, by the gateways
    /// concerned. Where it is <see cref="Attached"/> and this is empty, what it names is nothing it can be attached to.
    /// </summary>
    ImmutableArray<PolicyAttachment> Attachments => [];

    /// <summary>Whether it names what it is attached to, rather than being about workloads.</summary>
    bool Attached => false;

    /// <summary>How much of it is enforced on connections.</summary>
    Enforcement Enforcement { get; }

    /// <summary>What a person should know about how it is enforced, one line each.</summary>
    ImmutableArray<string> Notes { get; }
}
