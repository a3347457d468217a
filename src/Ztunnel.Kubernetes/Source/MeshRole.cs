namespace Ztunnel.Kubernetes;

/// <summary>What an agent is for, by which it needs some kinds of objects and no others.</summary>
public enum MeshRole
{
    /// <summary>A node's agent: routes by L4, holds L4 policies. Reads no Secrets and no routes.</summary>
    Node,

    /// <summary>A gateway: all of that, and routes, their policies and the Secrets of its own namespace.</summary>
    Gateway,

    /// <summary>The controller: everything there is.</summary>
    Controller,
}
