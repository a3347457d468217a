using System.Collections.Immutable;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>The pod the gateway is, and what it serves, in their newest form. Read from any thread.</summary>
internal sealed class GatewayPod(Workload workload)
{
    private Workload _workload = workload;
    private PortTable _ports = PortTable.Empty;
    private ImmutableHashSet<GatewayName> _gateways = [];

    /// <summary>The pod.</summary>
    public Workload Workload
    {
        get => Volatile.Read(ref _workload);
        set => Volatile.Write(ref _workload, value);
    }

    /// <summary>What it listens on.</summary>
    public PortTable Ports
    {
        get => Volatile.Read(ref _ports);
        set => Volatile.Write(ref _ports, value);
    }

    /// <summary>The Gateways it serves.</summary>
    public ImmutableHashSet<GatewayName> Gateways
    {
        get => Volatile.Read(ref _gateways);
        set => Volatile.Write(ref _gateways, value);
    }
}
