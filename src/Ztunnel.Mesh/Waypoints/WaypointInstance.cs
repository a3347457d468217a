using System.Net;
using System.Runtime.InteropServices;

namespace Ztunnel.Mesh;

/// <summary>One instance of a waypoint, ready to take traffic.</summary>
/// <param name="Waypoint">The waypoint it is an instance of.</param>
/// <param name="Via">The model's own route to it: another object whenever anything about it has changed.</param>
/// <param name="NextHop">Where it takes tunnels.</param>
/// <param name="Workload">The pod it is.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct WaypointInstance(GatewayName Waypoint, Route Via, IPEndPoint NextHop, Workload Workload);
