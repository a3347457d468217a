namespace Ztunnel.Mesh;

/// <summary>Whether connections must be mutual TLS, as a <see cref="PeerAuthentication"/> says it.</summary>
public enum MutualTlsMode
{
    /// <summary>Says nothing: what is said for more workloads or more ports counts.</summary>
    Unset,

    /// <summary>Mutual TLS and plaintext are both taken.</summary>
    Permissive,

    /// <summary>Plaintext is refused.</summary>
    Strict,

    /// <summary>In an ambient mesh the same as <see cref="Permissive"/>: tunnels are not for a workload to switch off.</summary>
    Disable,
}
