using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Telemetry;

/// <summary>The pooled connections from one pod, or a gateway, to one peer on one loop, as the diagnostics endpoint shows them.</summary>
/// <param name="Worker">The loop that owns them.</param>
/// <param name="Source">The identity they are made under.</param>
/// <param name="Destination">The identity the peer has to prove.</param>
/// <param name="NextHop">Where they connect.</param>
/// <param name="Connections">How many are open.</param>
/// <param name="Tunnels">How many tunnels are open on them.</param>
/// <param name="LastFailure">Why the last connect failed; null if it did not.</param>
public sealed record TunnelSnapshot(
    int Worker, SpiffeId Source, SpiffeId Destination, IPEndPoint NextHop, int Connections, int Tunnels, string? LastFailure);
