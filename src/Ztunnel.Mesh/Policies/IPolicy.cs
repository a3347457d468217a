using System.Collections.Immutable;

namespace Ztunnel.Mesh;

/// <summary>What policies of all kinds have in common.</summary>
public interface IPolicy
{
    /// <summary>The policy's own namespace and name.</summary>
    PolicyName Name { get; }

    /// <summary>Which workloads it is about.</summary>
    PolicyScope Scope { get; }

    /// <summary>How much of it is enforced here.</summary>
    Enforcement Enforcement { get; }

    /// <summary>What a person should know about how it is enforced, one line each.</summary>
    ImmutableArray<string> Notes { get; }
}
