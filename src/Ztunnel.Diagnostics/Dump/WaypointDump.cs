using Ztunnel.Mesh;

namespace Ztunnel.Diagnostics;

/// <summary>A waypoint that is in use.</summary>
/// <param name="Destination">Where it is reached: <c>namespace/hostname</c> of its service, or <c>network/ip</c>.</param>
public sealed record WaypointDump(string Destination)
{
    /// <summary>The waypoint of a binding; null where nothing goes through it.</summary>
    internal static WaypointDump? Of(WaypointBinding? binding) => binding is { Bound: true, Destination: { } destination } ? new WaypointDump(destination) : null;
}

/// <summary>How a service or workload stands with the waypoint it asks for, in the words of Istio's condition <c>istio.io/WaypointBound</c>.</summary>
/// <param name="Waypoint">The waypoint, as <c>namespace/name</c>.</param>
/// <param name="Status">Whether traffic goes through it.</param>
/// <param name="Reason">Whether it is bound, or why not.</param>
/// <param name="Message">The same for a person.</param>
public sealed record WaypointBoundDump(string Waypoint, bool Status, string Reason, string Message)
{
    /// <summary>A binding in the shape of the dump.</summary>
    internal static WaypointBoundDump? Of(WaypointBinding? binding) =>
        binding is null ? null : new WaypointBoundDump(binding.Waypoint.ToString(), binding.Bound, binding.Reason.ToString(), binding.Message);
}
