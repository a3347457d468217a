using Ztunnel.Mesh;

namespace Ztunnel.Resources;

/// <summary>A <c>PeerAuthentication</c> of <c>security.istio.io</c>.</summary>
public sealed record PeerAuthenticationObject : KubernetesObject
{
    /// <inheritdoc/>
    public override ObjectKind Kind => ObjectKind.PeerAuthentication;

    /// <summary><c>spec.mtls.mode</c>.</summary>
    public MutualTlsMode Mode { get; init; }

    /// <summary><c>spec.selector.matchLabels</c>; empty when it is about every workload in its reach.</summary>
    public StringMap Selector { get; init; } = StringMap.Empty;

    /// <summary><c>spec.portLevelMtls</c>.</summary>
    public ValueArray<PortMode> Ports { get; init; } = [];

    /// <inheritdoc/>
    internal override KubernetesObject? StandIn() => this with { StandsIn = true, Mode = MutualTlsMode.Strict, Ports = [] };
}

/// <summary>The mode of one port of a workload.</summary>
public sealed record PortMode(ushort Port, MutualTlsMode Mode);
