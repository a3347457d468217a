using System.Net;
using System.Net.Sockets;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Where the mesh ends: plaintext into it and out of it, and what stays inside a pod.</summary>
[Collection(nameof(DataPathLab))]
public sealed class OutsideTests(DataPathLab lab)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Plaintext_from_outside_the_mesh_reaches_the_pod_and_is_logged_without_an_identity(bool ipv6)
    {
        IPAddress address = ipv6 ? lab.Server.IPv6 : lab.Server.IPv4;
        using PodConnection connection = await PodConnection.Open(lab.Stranger, lab.Server, address);
        await connection.Exchange();
        await connection.Close();

        Assert.Equal(ipv6 ? lab.Stranger.IPv6 : lab.Stranger.IPv4, connection.Server.Remote().Address);
        string line = await lab.Mesh.AccessLine($"dst.addr={new IPEndPoint(address, connection.Port)}", "direction=\"inbound\"");
        Assert.Contains("src.workload=\"stranger\"", line, StringComparison.Ordinal);
        Assert.DoesNotContain("identity", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_connection_to_a_pod_outside_the_mesh_passes_in_the_clear()
    {
        string marker = $"marker-{Guid.NewGuid():N}";
        await using PacketCapture capture = await lab.Mesh.Network.Capture("b");
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Bystander);
        await connection.Exchange(marker);
        await connection.Close();

        Assert.True((await capture.Stop()).Shows(marker));
        Assert.Equal(lab.Client.IPv4, connection.Server.Remote().Address);
        string line = await lab.Mesh.AccessLine($"dst.addr={lab.Bystander.IPv4}:{connection.Port}", "direction=\"outbound\"");
        Assert.DoesNotContain("identity", line, StringComparison.Ordinal);
        Assert.DoesNotContain("hbone", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bulk_out_of_the_mesh_and_back_arrives_unchanged_and_is_counted(bool ipv6)
    {
        const int BytesEachWay = 25_000_000;
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Bystander, ipv6 ? lab.Bystander.IPv6 : lab.Bystander.IPv4);
        Task<byte[]> up = RandomBytes.Send(connection.Client, 1, BytesEachWay);
        Task<byte[]> down = RandomBytes.Send(connection.Server, 2, BytesEachWay);
        (byte[] Hash, long Length)[] received = await Task.WhenAll(
            RandomBytes.ReceiveHashed(connection.Server), RandomBytes.ReceiveHashed(connection.Client));

        Assert.Equal([await up, await down], received.Select(end => end.Hash));
        await lab.Mesh.AccessLine("direction=\"outbound\"", $"src.addr={connection.Client.Local()}", $"bytes_sent={BytesEachWay} bytes_recv={BytesEachWay} ");
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    [InlineData("10.244.0.2")]
    [InlineData("fd00:10:244::2")]
    public async Task A_pod_talks_to_itself_without_us(string own)
    {
        using PodConnection connection = await PodConnection.Open(lab.Client, lab.Client, IPAddress.Parse(own));
        await connection.Exchange();

        // Nobody stands between: the two sockets are each other's ends.
        Assert.Equal(connection.Client.Local(), connection.Server.Remote());
    }

    [Theory]
    [InlineData(15001)]
    [InlineData(15006)]
    public async Task The_inner_ports_are_refused_from_outside_the_mesh(int port)
    {
        foreach (IPAddress address in lab.Server.Addresses)
            Assert.Equal(SocketError.ConnectionRefused, (await PodSocket.Fail(lab.Stranger, address, port)).Error);
    }

    [Theory]
    [InlineData(15001)]
    [InlineData(15006)]
    [InlineData(15008)]
    public async Task Our_own_ports_are_refused_from_inside_the_mesh(int port)
    {
        (SocketError error, TimeSpan after, _) = await PodSocket.Fail(lab.Client, lab.Server.IPv4, port);

        Assert.Equal(SocketError.ConnectionReset, error);
        Assert.InRange(after, TimeSpan.Zero, PodSocket.Promptly);
    }

    [Theory]
    [InlineData(15001)]
    [InlineData(15006)]
    public async Task The_inner_ports_lead_nowhere_from_inside_the_pod(int port)
    {
        SocketError error = (await PodSocket.Fail(lab.Client, IPAddress.Loopback, port)).Error;

        Assert.True(error is SocketError.ConnectionRefused or SocketError.ConnectionReset, $"{error}");
    }
}
