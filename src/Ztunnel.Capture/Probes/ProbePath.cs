namespace Ztunnel.Capture;

/// <summary>
/// How the kubelet's probes of a captured pod, which come from the node without an identity, are told from everybody else's
/// plaintext, so that they get through where policy demands mutual TLS.
/// </summary>
public enum ProbePath
{
    /// <summary>They are not: probes are plaintext like any other.</summary>
    None,

    /// <summary>
    /// Istio's way: rules on the node give connections that the node's own root processes open to an enrolled pod the source
    /// address <see cref="ProbeSource"/>, and the pod's rules let those pass by the proxy. What is merely forwarded by the node,
    /// or masqueraded behind its address, is not taken for the node's own.
    /// </summary>
    LinkLocal,

    /// <summary>
    /// Plaintext from an address of the node is taken for the node's own. It needs no rules on the node, and works where the
    /// network does not carry the link-local address; but whatever the node masquerades comes from that address too.
    /// </summary>
    NodeAddress,
}
