using System.CommandLine;
using Ztunnel.Mesh;

namespace Ztunnel;

/// <summary>The flags of <c>ztunnel node</c> about waypoints.</summary>
internal sealed class WaypointFlags
{
    private readonly Option<string> _bypass;
    private readonly Option<string> _authority;

    public WaypointFlags()
    {
        _bypass = new Option<string>("--waypoint-bypass")
        {
            Description = "What becomes of a connection that reaches a pod past the waypoint the pod or its service is bound to: "
                + "refuse, or allow, as Istio does.",
            DefaultValueFactory = _ => "refuse",
        };
        _bypass.AcceptOnlyFromAmong("refuse", "allow");
        _authority = new Option<string>("--waypoint-authority")
        {
            Description = "What a tunnel to a waypoint names as its destination where the client asked for a service: address, "
                + "the service's as Istio does, or hostname.",
            DefaultValueFactory = _ => "address",
        };
        _authority.AcceptOnlyFromAmong("address", "hostname");
    }

    /// <summary>Adds the flags to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_bypass);
        command.Add(_authority);
    }

    /// <summary>What they were set to.</summary>
    public MeshOptions Read(ParseResult parsed) => new()
    {
        WaypointBypass = parsed.GetRequiredValue(_bypass) == "allow" ? WaypointBypass.Allow : WaypointBypass.Refuse,
        WaypointAuthority = parsed.GetRequiredValue(_authority) == "hostname" ? WaypointAuthority.Hostname : WaypointAuthority.Address,
    };
}
