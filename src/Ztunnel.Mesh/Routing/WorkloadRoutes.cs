using System.Net;

namespace Ztunnel.Mesh;

/// <summary>The tunnels to one address of a workload of the mesh, by the port asked for.</summary>
internal sealed class WorkloadRoutes(Workload workload, IPAddress address) : PortRoutes
{
    public static Route.Tunnel Tunnel(Workload workload, IPEndPoint destination, Endpoint? endpoint) =>
        new(
            new IPEndPoint(destination.Address, CaptureContract.HbonePort),
            destination.ToString(),
            workload.Identity,
            workload,
            endpoint?.Service)
        {
            Endpoint = endpoint,
        };

    protected override Route Prepare(ushort port) => Tunnel(workload, new IPEndPoint(address, port), null);
}
