using System.Net;
using static Ztunnel.Mesh.Tests.Make;

namespace Ztunnel.Mesh.Tests;

/// <summary>
/// A mesh with a service <c>web</c> (10.96.0.20:80 to server 10.244.2.7:8080), a waypoint <c>waypoint</c> behind a service of
/// its name (10.96.0.9) with two instances, and an ingress gateway <c>edge</c>.
/// </summary>
internal sealed class WaypointWorld
{
    public const string Vip = "10.96.0.20:80";
    public const string Vip6 = "[fd00:10:96::20]:80";
    public const string Server = "10.244.2.7:8080";

    public static readonly GatewayName Name = new("default", "waypoint");

    public static readonly Workload First = Instance("waypoint-1", "10.244.3.1", "fd00:10:244:3::1");

    public static readonly Workload Second = Instance("waypoint-2", "10.244.3.2", "fd00:10:244:3::2");

    public static readonly Workload Edge = Pod("edge", "10.244.4.1") with { Gateway = new GatewayName("default", "edge") };

    private static readonly EndpointPort[] Hbone = [new("mesh", 15008)];
    private static readonly EndpointPort[] Http = [new("http", 8080)];

    public WaypointWorld(MeshOptions? options = null)
    {
        Mesh = new MeshState(options);
        foreach (object part in (object[])[
            First, Second, Edge, Client,
            Service("waypoint", ["10.96.0.9"], new ServicePort("mesh", 15008, 15008)),
            Endpoints("waypoint", "four", Hbone, At("10.244.3.1", "waypoint-1"), At("10.244.3.2", "waypoint-2")),
            Endpoints("waypoint", "six", Hbone, At("fd00:10:244:3::1", "waypoint-1"), At("fd00:10:244:3::2", "waypoint-2")),
            Endpoints("web", "four", Http, At("10.244.2.7", "server")),
            Endpoints("web", "six", Http, At("fd00:10:244:2::7", "server")),
            new Gateway { Name = new GatewayName("default", "edge"), Ingress = true },
        ])
        {
            Mesh.Add(part);
        }

        Put(web: null, server: null);
        Waypoint();
    }

    public MeshState Mesh { get; }

    public static WaypointRequest.Named Asks(WaypointOrigin origin = WaypointOrigin.Own, string gateway = "waypoint", string @namespace = "default") =>
        new(new GatewayName(@namespace, gateway), origin);

    public static SpiffeId Identity(string account, string @namespace = "default") => SpiffeId.Create("cluster.local", @namespace, account);

    public static Service Web(WaypointRequest? request, bool ingress = false) =>
        Service("web", ["10.96.0.20", "fd00:10:96::20"], new ServicePort("http", 80, 0)) with { Waypoint = request, IngressUsesWaypoint = ingress };

    public static Workload ServerPod(WaypointRequest? request) => Pod("server", "10.244.2.7", "fd00:10:244:2::7") with { Waypoint = request };

    /// <summary>Makes the service and its pod ask for what is given.</summary>
    public WaypointWorld Put(WaypointRequest? web, WaypointRequest? server, bool ingress = false)
    {
        Mesh.Put(Web(web, ingress));
        Mesh.Put(ServerPod(server));
        return this;
    }

    /// <summary>Makes the waypoint take what is given.</summary>
    public WaypointWorld Waypoint(
        WaypointTraffic traffic = WaypointTraffic.All, AllowedNamespaces? allowed = null, GatewayTarget? target = null, string? account = null)
    {
        Mesh.Put(new Gateway
        {
            Name = Name,
            Waypoint = new Waypoint
            {
                Traffic = traffic,
                Allowed = allowed ?? AllowedNamespaces.Same,
                Target = target ?? new GatewayTarget.Service(new ServiceName("default", "waypoint")),
                ServiceAccount = account,
            },
        });
        return this;
    }

    /// <summary>
    /// Where a connection goes, in a line: <c>waypoint NEXT-HOP AUTHORITY</c>, <c>direct AUTHORITY</c>, <c>clear ADDRESS</c>, or
    /// the denial's reason and detail.
    /// </summary>
    public string Way(string destination, Workload? source = null, int pick = 0) => Mesh.Decide(source ?? Client, EndPoint(destination), new Pick(pick)) switch
    {
        Route.Tunnel { Waypoint: { } waypoint } tunnel => $"{waypoint.Name} {tunnel.NextHop} {tunnel.Authority}",
        Route.Tunnel tunnel => $"direct {tunnel.Authority}",
        Route.Passthrough passthrough => $"clear {passthrough.Destination?.ToString() ?? "unchanged"}",
        Route.Deny deny => $"{deny.Reason}: {deny.Detail}",
        var other => other.ToString(),
    };

    /// <summary>Whether a connection may reach the server's port directly.</summary>
    public bool Admits(SpiffeId? peer, int port = 8080) =>
        Refusal(Mesh.WorkloadByUid("uid-server")!, peer, port) is null;

    /// <summary>Why a connection may not reach a pod at the server's address directly.</summary>
    public PolicyRefusal? Refusal(Workload destination, SpiffeId? peer, int port = 8080) =>
        Mesh.Authorize(ConnectionFacts.Of(destination, new IPEndPoint(IPAddress.Parse("10.244.2.7"), port), IPAddress.Parse("10.244.1.5"), peer)).Refusal;

    private static Workload Instance(string name, params string[] addresses) => Pod(name, addresses) with
    {
        Enrolment = Enrolment.OptedOut,
        ServiceAccount = "waypoint",
        Identity = Identity("waypoint"),
        Gateway = Name,
    };
}
