using System.Net;
using System.Net.Sockets;
using Ztunnel.IO;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Web requests by curl to pods and to services' virtual addresses, and services that lead nowhere.</summary>
[Collection(nameof(DataPathLab))]
public sealed class ServiceTests(DataPathLab lab)
{
    [Theory]
    [InlineData("1.0", false)]
    [InlineData("1.1", false)]
    [InlineData("1.1", true)]
    public async Task Curl_reaches_a_pod_on_the_other_node(string version, bool ipv6)
    {
        await using PodHttpServer server = PodHttpServer.Start(lab.Server, DataPathLab.HttpPort);
        IPAddress from = ipv6 ? lab.Client.IPv6 : lab.Client.IPv4;
        var at = new IPEndPoint(ipv6 ? lab.Server.IPv6 : lab.Server.IPv4, DataPathLab.HttpPort);

        Assert.Equal($"server {from}", await Curl($"http://{at}/", $"--http{version}"));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task Curl_reaches_a_service_by_its_virtual_address(bool namedPort, bool ipv6)
    {
        await using PodHttpServer server = PodHttpServer.Start(lab.Server, DataPathLab.HttpPort);
        IPAddress from = ipv6 ? lab.Client.IPv6 : lab.Client.IPv4;
        IPAddress address = (namedPort ? DataPathLab.NamedPortService : DataPathLab.NumericPortService)[ipv6 ? 1 : 0];
        var at = new IPEndPoint(address, namedPort ? 80 : 81);

        Assert.Equal($"server {from}", await Curl($"http://{at}/"));
        string name = namedPort ? "named" : "numeric";
        await lab.Mesh.AccessLine($"src.addr={new IPEndPoint(from, 0).ToString()[..^1]}", $"dst.service=\"{name}.default.svc.cluster.local\"");
    }

    [Fact]
    public async Task An_endpoint_that_is_not_ready_is_never_chosen()
    {
        await using PodHttpServer ready = PodHttpServer.Start(lab.Server, DataPathLab.HttpPort);
        await using PodHttpServer unready = PodHttpServer.Start(lab.Unready, DataPathLab.HttpPort);
        string[] urls = [.. Enumerable.Repeat($"http://{DataPathLab.NamedPortService[0]}/", 30)];

        string answers = await Curl(urls);

        Assert.Equal(string.Concat(Enumerable.Repeat($"server {lab.Client.IPv4}", 30)), answers);
        Assert.Equal($"unready {lab.Client.IPv4}", await Curl($"http://{lab.Unready.IPv4}:{DataPathLab.HttpPort}/"));
    }

    [Fact]
    public async Task A_pod_reaches_itself_through_its_own_service()
    {
        using PodListener listener = PodListener.Start(lab.Client, DataPathLab.HttpPort);
        using PodConnection connection = await PodConnection.Open(lab.Client, listener, DataPathLab.OwnService, 80);

        await connection.Exchange();

        Assert.Equal(lab.Client.IPv4, connection.Server.Remote().Address);
    }

    [Fact]
    public async Task A_service_without_a_ready_endpoint_resets_the_client_at_once_and_says_why()
    {
        (SocketError error, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(lab.Client, DataPathLab.HollowService, 80);

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.InRange(after, TimeSpan.Zero, PodSocket.Promptly);
        Assert.Contains("error=\"NoReadyEndpoints: ", await lab.Mesh.AccessLine($"src.addr={client}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_port_the_service_does_not_have_resets_the_client_at_once_and_says_why()
    {
        (SocketError error, TimeSpan after, IPEndPoint client) = await PodSocket.Fail(lab.Client, DataPathLab.NamedPortService[0], 4711);

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.InRange(after, TimeSpan.Zero, PodSocket.Promptly);
        Assert.Contains("error=\"UnknownServicePort: ", await lab.Mesh.AccessLine($"src.addr={client}"), StringComparison.Ordinal);
    }

    private async Task<string> Curl(params string[] arguments)
    {
        ProcessResult result = await lab.Client.Exec("curl", ["-sS", "--max-time", "20", .. arguments]);
        Assert.True(result.ExitCode == 0, $"curl {string.Join(' ', arguments)}: {result.Error}");
        return result.Output;
    }
}
