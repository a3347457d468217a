namespace Ztunnel.Mesh.Tests;

/// <summary>Which listener of a port a connection belongs to, and which of its routes it goes by.</summary>
public sealed class StreamListenerTests
{
    [Theory]
    [InlineData("abc.example.com", "exact")]
    [InlineData("ABC.example.com", "exact")]
    [InlineData("other.example.com", "narrow")]
    [InlineData("deep.other.example.com", "narrow")]
    [InlineData("example.com", "wide")]
    [InlineData("example.net", "any-older")]
    [InlineData("", "any-older")]
    public void The_most_specific_name_has_a_connection_and_of_several_routes_for_it_the_oldest(string serverName, string expected)
    {
        StreamListener listener = Listener("", Route("", "any-younger", 2), Route("*.com", "wide", 1), Route("", "any-older", 1), Route("abc.example.com", "exact", 1), Route("*.example.com", "narrow", 1));

        Assert.Equal(expected, listener.RuleFor(serverName)?.Route.Name);
    }

    [Fact]
    public void What_no_route_is_for_goes_nowhere() => Assert.Null(Listener("", Route("a.com", "r", 1)).RuleFor("b.com"));

    [Theory]
    [InlineData("secure.example.com", "https")]
    [InlineData("abc.example.com", "passes")]
    [InlineData("example.com", null)]
    public void Listeners_for_https_and_for_passing_on_share_a_port_by_server_name(string serverName, string? expected)
    {
        HttpPort port = HttpPort.Of([Gateway("g", 1, Https("secure.example.com"), Listener("*.example.com") with { Name = "passes" })]).Single();

        Assert.True(port.Relays);
        Assert.Equal(expected, port.ListenerOf(serverName)?.Name);
        Assert.Equal("https", Assert.Single(port.Listeners).Name);
    }

    [Fact]
    public void Of_two_gateways_the_older_has_a_port_they_disagree_about_and_a_host()
    {
        HttpPort[] ports =
        [
            .. HttpPort.Of(
            [
                Gateway("younger", 2, Https("a.com"), Https("b.com"), Tcp(9000)),
                Gateway("older", 1, Listener("a.com", Route("a.com", "older", 1)), Https("c.com", 9000)),
            ]),
        ];

        Assert.IsType<StreamListener>(ports[0].ListenerOf("a.com"));
        Assert.IsType<HttpListener>(ports[0].ListenerOf("b.com"));
        Assert.Equal(WireProtocol.Tls, ports[1].Wire);
        Assert.Null(ports[1].ListenerOf("other.com"));
    }

    [Fact]
    public void Routes_of_two_gateways_for_the_same_host_are_one_list()
    {
        HttpPort port = HttpPort.Of(
        [
            Gateway("older", 1, Listener("", Route("a.com", "first", 1))),
            Gateway("younger", 2, Listener("", Route("b.com", "second", 1)), Listener("c.com", Route("c.com", "third", 1))),
        ]).Single();

        Assert.Equal("second", Assert.IsType<StreamListener>(port.ListenerOf("b.com")).RuleFor("b.com")?.Route.Name);
        Assert.Equal("third", Assert.IsType<StreamListener>(port.ListenerOf("c.com")).RuleFor("c.com")?.Route.Name);
    }

    private static HttpGateway Gateway(string name, int hour, params ServedListener[] listeners) => new()
    {
        Name = new GatewayName("infra", name),
        Created = DateTimeOffset.UnixEpoch.AddHours(hour),
        Listeners = [.. listeners.Select(listener => listener with { Gateway = new GatewayName("infra", name) })],
    };

    private static StreamListener Listener(string hostname, params StreamRoute[] routes) => new()
    {
        Gateway = new GatewayName("infra", "g"),
        Name = "stream",
        Port = 443,
        Hostname = HostnamePattern.Of(hostname),
        Routes = [.. routes],
    };

    private static StreamListener Tcp(ushort port) => new()
    {
        Gateway = new GatewayName("infra", "g"),
        Name = "tcp",
        Port = port,
        Mode = StreamMode.Tcp,
        Routes = [],
    };

    private static HttpListener Https(string hostname, ushort port = 443) => new()
    {
        Gateway = new GatewayName("infra", "g"),
        Name = "https",
        Port = port,
        Tls = true,
        Hostname = HostnamePattern.Of(hostname),
    };

    private static StreamRoute Route(string hostname, string name, int hour) => new(HostnamePattern.Of(hostname), new HttpRule
    {
        Route = new RouteName(RouteKind.Tls, "infra", name),
        Created = DateTimeOffset.UnixEpoch.AddHours(hour),
    });
}
