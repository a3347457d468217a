using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Gateway;

/// <summary>Which tunnels may share a connection: those under one identity, to one workload at one address that has to prove one identity.</summary>
/// <param name="Source">The gateway's identity.</param>
/// <param name="DestinationUid">The workload at the other end.</param>
/// <param name="Destination">The identity that end must prove.</param>
/// <param name="NextHop">Where it connects.</param>
internal readonly record struct TunnelKey(SpiffeId Source, string DestinationUid, SpiffeId Destination, IPEndPoint NextHop);
