namespace Ztunnel.Mesh.Tests;

/// <summary>Hostnames of listeners and routes, and which listener a request belongs to (Gateway API, listener isolation).</summary>
public sealed class HostnameTests
{
    [Theory]
    [InlineData("", "example.com", "example.com")]
    [InlineData("example.com", "", "example.com")]
    [InlineData("", "", "*")]
    [InlineData("example.com", "example.com", "example.com")]
    [InlineData("example.com", "Example.COM", "example.com")]
    [InlineData("example.com", "example.org", null)]
    [InlineData("*.example.com", "a.example.com", "a.example.com")]
    [InlineData("a.example.com", "*.example.com", "a.example.com")]
    [InlineData("*.example.com", "a.b.example.com", "a.b.example.com")]
    [InlineData("*.example.com", "example.com", null)]
    [InlineData("*.example.com", "*.a.example.com", "*.a.example.com")]
    [InlineData("*.a.example.com", "*.example.com", "*.a.example.com")]
    [InlineData("*.example.com", "*.example.org", null)]
    [InlineData("*.example.com", "aexample.com", null)]
    public void A_listener_and_a_route_have_in_common(string listener, string route, string? both)
    {
        Assert.Equal(both, HostnamePattern.Of(listener).Intersect(HostnamePattern.Of(route))?.ToString());
    }

    [Theory]
    [InlineData("bar.com", "bar.com")]
    [InlineData("foo.bar.com", "foo.bar.com")]
    [InlineData("baz.bar.com", "*.bar.com")]
    [InlineData("multiple.prefixes.bar.com", "*.bar.com")]
    [InlineData("baz.foo.bar.com", "*.foo.bar.com")]
    [InlineData("foo.com", "*")]
    [InlineData("", "*")]
    public void A_request_belongs_to_the_most_specific_listener(string host, string expected)
    {
        HttpPort port = Port(false, "", "*.bar.com", "bar.com", "*.foo.bar.com", "foo.bar.com");

        Assert.Equal(expected, port.ListenerFor(host)?.Hostname.ToString());
    }

    [Theory]
    [InlineData("", "second-example.org", ListenerChoice.Misdirected)]
    [InlineData("", "example.org", ListenerChoice.Same)]
    [InlineData("second-example.org", "second-example.org", ListenerChoice.Same)]
    [InlineData("second-example.org", "example.org", ListenerChoice.Misdirected)]
    [InlineData("*.wildcard.org", "fith-example.wildcard.org", ListenerChoice.Same)]
    [InlineData("*.wildcard.org", "fourth-example.wildcard.org", ListenerChoice.Misdirected)]
    [InlineData("fourth-example.wildcard.org", "fith-example.wildcard.org", ListenerChoice.Misdirected)]
    public void A_request_on_a_connection_for_another_listener_is_misdirected(string serverName, string host, ListenerChoice expected)
    {
        HttpPort port = Port(true, "", "second-example.org", "*.wildcard.org", "fourth-example.wildcard.org");
        HttpListener connection = port.Listeners.Single(listener => listener.Hostname == HostnamePattern.Of(serverName));

        Assert.Equal(expected, port.Choose(connection, host));
    }

    [Fact]
    public void A_host_no_listener_is_for_belongs_to_none()
    {
        HttpPort port = Port(true, "a.org", "b.org");

        Assert.Null(port.ListenerFor("c.org"));
        Assert.Equal(ListenerChoice.None, port.Choose(port.Listeners[0], "c.org"));
    }

    [Fact]
    public void Gateways_on_one_pod_share_its_ports_and_the_older_has_a_port_they_disagree_about()
    {
        HttpGateway older = Gateway("z", 1, Listener("a.org", 80, "one /one"), Listener("", 443, tls: true));
        HttpGateway younger = Gateway("a", 2, Listener("a.org", 80, "two /two"), Listener("b.org", 80), Listener("c.org", 443));

        HttpPort[] ports = [.. HttpPort.Of([younger, older])];

        Assert.Equal([(80, false), (443, true)], ports.Select(port => ((int)port.Number, port.Wire == WireProtocol.Tls)));
        Assert.Equal("a.org b.org", string.Join(' ', ports[0].Listeners.Select(listener => listener.Hostname)));
        Assert.Equal("z", ports[0].Listeners[0].Gateway.Name);
        Assert.Equal("one", ports[0].Listeners[0].Routes.For("GET a.org/one"));
        Assert.Equal("two", ports[0].Listeners[0].Routes.For("GET a.org/two"));
        Assert.Equal("*", Assert.Single(ports[1].Listeners).Hostname.ToString());
    }

    private static HttpPort Port(bool tls, params string[] hostnames) =>
        HttpPort.Of([Gateway("g", 1, [.. hostnames.Select(hostname => Listener(hostname, 80, tls: tls))])]).Single();

    private static HttpGateway Gateway(string name, int hour, params HttpListener[] listeners) => new()
    {
        Name = new GatewayName("infra", name),
        Created = DateTimeOffset.UnixEpoch.AddHours(hour),
        Listeners = [.. listeners.Select(listener => listener with { Gateway = new GatewayName("infra", name) })],
    };

    private static HttpListener Listener(string hostname, ushort port, string? rule = null, bool tls = false) => new()
    {
        Gateway = new GatewayName("infra", ""),
        Name = hostname,
        Port = port,
        Tls = tls,
        Hostname = HostnamePattern.Of(hostname),
        Routes = rule is null ? HttpRouteTable.Empty : Routes.Table(rule),
    };
}
