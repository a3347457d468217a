using System.Net;
using System.Runtime.InteropServices;
using Ztunnel.Mesh;

namespace Ztunnel.Proxy;

/// <summary>A connection that wants into a pod, whichever way it comes: what <see cref="InboundGate"/> judges it by.</summary>
/// <param name="Source">The client's address.</param>
/// <param name="Identity">Who the client proved to be; null for plaintext.</param>
/// <param name="Destination">The pod's address and port that it is for.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct InboundRequest(IPAddress Source, SpiffeId? Identity, IPEndPoint Destination);
