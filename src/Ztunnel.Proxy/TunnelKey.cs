using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>
/// Which tunnels may share a connection: those from one pod, under one identity, to one workload at one address that has
/// to prove one identity. Pod and uid keep a pod that got a deleted pod's address from ever being handed that pod's connection.
/// </summary>
/// <param name="Pod">The pod in whose namespace the connection is made.</param>
/// <param name="Source">The identity it is made under.</param>
/// <param name="DestinationUid">The workload at the other end.</param>
/// <param name="Destination">The identity that end must prove.</param>
/// <param name="NextHop">Where it connects.</param>
internal readonly record struct TunnelKey(PodProxy Pod, SpiffeId Source, string DestinationUid, SpiffeId Destination, IPEndPoint NextHop);
