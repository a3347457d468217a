namespace Ztunnel.Mesh;

/// <summary>
/// What the capture rules in a pod's network namespace and the proxy that listens there agree on. The numbers are those of
/// Istio ambient, so that the tools and habits made for it fit.
/// </summary>
public static class CaptureContract
{
    /// <summary>TCP port on which the proxy accepts what the pod opens; led there by the rules.</summary>
    public const ushort OutboundPort = 15001;

    /// <summary>TCP port on which the proxy accepts what reaches the pod outside a tunnel; led there by the rules.</summary>
    public const ushort PlaintextPort = 15006;

    /// <summary>TCP port on which a workload of the mesh takes HBONE tunnels. Peers dial it; no rule leads there.</summary>
    public const ushort HbonePort = 15008;

    /// <summary>The mark of the proxy's own sockets: what carries it is not captured again.</summary>
    public const int SocketMark = 0x539;
}
