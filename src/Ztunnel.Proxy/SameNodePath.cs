namespace Ztunnel.Proxy;

/// <summary>How a connection gets from one pod of a node to another of the same node.</summary>
public enum SameNodePath
{
    /// <summary>From socket to socket: one process would encrypt and decrypt, with both keys in its memory. Identities, decisions and log lines are those of a tunnel.</summary>
    Direct,

    /// <summary>Through a mutual TLS tunnel, as if the other pod were elsewhere.</summary>
    Tunnel,
}
