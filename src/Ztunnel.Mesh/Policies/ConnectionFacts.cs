using System.Net;
using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>What is known of a connection to a workload when it is judged: all that policies can look at.</summary>
/// <param name="Destination">The workload it is for.</param>
/// <param name="Address">The address of the workload that it is for.</param>
/// <param name="Port">The port there; the pod's own, not a service's.</param>
/// <param name="Source">The client's address.</param>
/// <param name="SourceIdentity">Who the client proved to be; null where it proved nothing, as in plaintext.</param>
[StructLayout(LayoutKind.Auto)]
public readonly record struct ConnectionFacts(
    Workload Destination, NetworkAddress Address, ushort Port, NetworkAddress Source, SpiffeId? SourceIdentity)
{
    /// <summary>The facts from the framework's forms of addresses; allocates nothing.</summary>
    public static ConnectionFacts Of(Workload destination, IPEndPoint address, IPAddress source, SpiffeId? sourceIdentity)
    {
        ArgumentNullException.ThrowIfNull(address);
        return new ConnectionFacts(destination, NetworkAddress.From(address.Address), (ushort)address.Port, NetworkAddress.From(source), sourceIdentity);
    }
}
