using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Ztunnel.Mesh;

namespace Ztunnel.Diagnostics.Tests;

public sealed class AdminTests
{
    [Theory]
    [InlineData("localhost:15000", HttpStatusCode.OK)]
    [InlineData("127.0.0.1", HttpStatusCode.OK)]
    [InlineData("[::1]:15000", HttpStatusCode.OK)]
    [InlineData("attacker.example", HttpStatusCode.Forbidden)]
    [InlineData("localhost.attacker.example", HttpStatusCode.Forbidden)]
    [InlineData("10.1.0.1:15000", HttpStatusCode.Forbidden)]
    public async Task Only_a_loopback_host_is_served_so_that_a_rebound_name_reads_nothing(string host, HttpStatusCode expected)
    {
        await using Node node = await Node.Start();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/config_dump");
        request.Headers.Host = host;

        using HttpResponseMessage response = await node.Admin.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(expected, response.StatusCode);
    }

    [Theory]
    [InlineData("POST")]
    [InlineData("PUT")]
    [InlineData("DELETE")]
    public async Task Nothing_can_be_changed(string method)
    {
        await using Node node = await Node.Start();
        using var request = new HttpRequestMessage(new HttpMethod(method), "/config_dump");

        using HttpResponseMessage response = await node.Admin.SendAsync(request, TestContext.Current.CancellationToken);

        Assert.Equal(HttpStatusCode.MethodNotAllowed, response.StatusCode);
        Assert.Equal(["GET", "HEAD"], response.Content.Headers.Allow);
    }

    [Fact]
    public async Task The_index_names_the_pages()
    {
        await using Node node = await Node.Start();

        string index = await node.Admin.GetStringAsync("/", TestContext.Current.CancellationToken);

        Assert.StartsWith("ztunnel on node-a\n", index, StringComparison.Ordinal);
        Assert.Contains("/config_dump", index);
    }

    [Fact]
    public void An_admin_address_that_is_not_loopback_is_refused()
    {
        var options = Node.OnLoopback with { Admin = [new IPEndPoint(IPAddress.Any, 0)] };

        ArgumentException exception = Assert.Throws<ArgumentException>(
            () => new DiagnosticsServer(new NodeSnapshots { Node = "a", Mesh = new MeshState() }, new Readiness(), options));

        Assert.Contains("0.0.0.0:0", exception.Message);
    }

    [Fact]
    public async Task Sockets_come_from_the_binder_when_there_is_one()
    {
        var bound = new List<EndPoint>();
        Socket Bind(EndPoint address)
        {
            bound.Add(address);
            return SocketTransportOptions.CreateDefaultBoundListenSocket(address);
        }

        await using Node node = await Node.Start(
            new NodeSnapshots { Node = "node-a", Mesh = new MeshState() }, Node.OnLoopback with { Bind = Bind });

        Assert.Equal(2, bound.Count);
        Assert.NotEmpty(await node.Admin.GetStringAsync("/", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task An_address_in_use_is_named()
    {
        await using Node first = await Node.Start();
        var options = Node.OnLoopback with { Admin = [new IPEndPoint(IPAddress.Loopback, first.Admin.BaseAddress!.Port)] };

        IOException exception = await Assert.ThrowsAsync<IOException>(
            () => Node.Start(new NodeSnapshots { Node = "b", Mesh = new MeshState() }, options));

        Assert.Contains($"127.0.0.1:{first.Admin.BaseAddress.Port}", exception.Message);
    }
}
