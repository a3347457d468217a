using System.Net;
using Ztunnel.IO.Native;

namespace Ztunnel.IO.Tests;

public sealed class SocketOptionTests
{
    private static readonly TcpOptions All = new()
    {
        KeepAliveIdle = TimeSpan.FromSeconds(61),
        KeepAliveInterval = TimeSpan.FromSeconds(17),
        KeepAliveProbes = 5,
        NoDelay = true,
        Mark = 0x539,
        Transparent = true,
        BindAddressNoPort = true,
        NotSentLowWater = 131_072,
    };

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Options_asked_for_are_set_on_connected_and_on_accepted_sockets(string address)
    {
        await Loops.OnLoop(async loop =>
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop, All, IPAddress.Parse(address));
            bool v6 = address == "::1";
            foreach (TcpConnection connection in new[] { client, server })
            {
                int fd = connection.Descriptor;
                Assert.Equal(1, TcpSocket.Get(fd, Constants.SolSocket, Constants.SoKeepAlive));
                Assert.Equal(61, TcpSocket.Get(fd, Constants.SolTcp, Constants.TcpKeepIdle));
                Assert.Equal(17, TcpSocket.Get(fd, Constants.SolTcp, Constants.TcpKeepInterval));
                Assert.Equal(5, TcpSocket.Get(fd, Constants.SolTcp, Constants.TcpKeepCount));
                Assert.Equal(1, TcpSocket.Get(fd, Constants.SolTcp, Constants.TcpNoDelay));
                Assert.Equal(0x539, TcpSocket.Get(fd, Constants.SolSocket, Constants.SoMark));
                Assert.Equal(131_072, TcpSocket.Get(fd, Constants.SolTcp, Constants.TcpNotSentLowWater));
                Assert.Equal(1, v6
                    ? TcpSocket.Get(fd, Constants.SolIpv6, Constants.Ipv6Transparent)
                    : TcpSocket.Get(fd, Constants.SolIp, Constants.IpTransparent));
            }

            Assert.Equal(1, TcpSocket.Get(client.Descriptor, Constants.SolIp, Constants.IpBindAddressNoPort));
            client.Dispose();
            server.Dispose();
        });
    }

    [Fact]
    public async Task Options_not_asked_for_are_left_alone()
    {
        await Loops.OnLoop(async loop =>
        {
            TcpOptions none = new() { KeepAliveIdle = TimeSpan.Zero, NoDelay = false };
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop, none);
            foreach (TcpConnection connection in new[] { client, server })
            {
                int fd = connection.Descriptor;
                Assert.Equal(0, TcpSocket.Get(fd, Constants.SolSocket, Constants.SoKeepAlive));
                Assert.Equal(0, TcpSocket.Get(fd, Constants.SolTcp, Constants.TcpNoDelay));
                Assert.Equal(0, TcpSocket.Get(fd, Constants.SolSocket, Constants.SoMark));
                Assert.Equal(0, TcpSocket.Get(fd, Constants.SolIp, Constants.IpTransparent));
                Assert.Equal(0, TcpSocket.Get(fd, Constants.SolIp, Constants.IpBindAddressNoPort));
            }

            client.Dispose();
            server.Dispose();
        });
    }

    [Fact]
    public async Task Every_descriptor_is_non_blocking_and_closed_on_exec()
    {
        await Loops.OnLoop(async loop =>
        {
            using NetworkNamespace ns = NetworkNamespace.Create();
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            Assert.Equal(Constants.SockNonBlock | Constants.SockCloseOnExec, Flags(client.Descriptor.ToString()));
            Assert.Equal(Constants.SockNonBlock | Constants.SockCloseOnExec, Flags(server.Descriptor.ToString()));
            Assert.Equal(Constants.SockNonBlock | Constants.SockCloseOnExec, Flags(Path.GetFileName(ns.Path)));
            client.Dispose();
            server.Dispose();
        });

        static int Flags(string fd)
        {
            string line = File.ReadLines($"/proc/self/fdinfo/{fd}").First(text => text.StartsWith("flags:", StringComparison.Ordinal));
            return Convert.ToInt32(line["flags:".Length..].Trim(), 8) & (Constants.SockNonBlock | Constants.SockCloseOnExec);
        }
    }
}
