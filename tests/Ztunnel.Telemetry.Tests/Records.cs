using System.Net;
using Ztunnel.Mesh;

namespace Ztunnel.Telemetry.Tests;

/// <summary>Connection records as the data path would fill them.</summary>
internal static class Records
{
    public static Workload Curl { get; } = Pod("curl", "default");

    public static Workload Httpbin { get; } = Pod("httpbin-7", "web");

    public static Service HttpbinService { get; } = new()
    {
        Name = new ServiceName("web", "httpbin"),
        Hostname = "httpbin.web.svc.cluster.local",
    };

    public static ConnectionRecord Tunnelled() => new()
    {
        Direction = ConnectionDirection.Outbound,
        Source = IPEndPoint.Parse("10.1.0.2:40000"),
        SourceWorkload = Curl,
        SourceIdentity = Curl.Identity,
        Destination = IPEndPoint.Parse("10.2.0.2:15008"),
        HboneAddress = "10.2.0.2:80",
        DestinationService = HttpbinService,
        DestinationWorkload = Httpbin,
        DestinationIdentity = Httpbin.Identity,
        BytesSent = 84,
        BytesReceived = 358,
        Duration = TimeSpan.FromMilliseconds(15.9),
    };

    public static ConnectionRecord Plain(string destination = "192.0.2.7:443") => new()
    {
        Direction = ConnectionDirection.Outbound,
        Source = IPEndPoint.Parse("10.1.0.2:40000"),
        Destination = IPEndPoint.Parse(destination),
    };

    private static Workload Pod(string name, string @namespace) => new()
    {
        Uid = name,
        Name = name,
        Namespace = @namespace,
        ServiceAccount = name,
        Identity = SpiffeId.Create("cluster.local", @namespace, name),
    };
}
