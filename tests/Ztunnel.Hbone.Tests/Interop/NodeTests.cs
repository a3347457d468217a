using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ztunnel.IO;

namespace Ztunnel.Hbone.Tests.Interop;

/// <summary>Interoperation with an HTTP/2 that is not ours: Node's, over plain TCP and over mutual TLS.</summary>
public sealed class NodeTests
{
    private const int Large = 52_428_800;

    // Node is another process, on a machine that may be busy.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nodes_client_uses_tunnels_of_our_server(bool overTls)
    {
        using NodeIdentity? identity = overTls ? new NodeIdentity() : null;
        await OnLoop.Run(async loop =>
        {
            TestServer handler = new();
            using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            TaskCompletionSource<HboneConnection> accepted = new();
            listener.Start(loop, [loop], connection => _ = Accept(connection));
            string argument = JsonSerializer.Serialize(new { port = listener.LocalEndPoint.Port, tls = identity?.Files });
            using NodeProcess node = NodeProcess.Start("node-client.js", argument);
            string output = await node.Finish();
            TestServer.AssertSeenByNode(output);
            Assert.Equal(FailureKind.Reset, handler.ExpectedReset?.Kind);
            HboneConnection server = await accepted.Task;
            await server.Completion;
            Assert.Null(server.Failure);

            async Task Accept(TcpConnection connection)
            {
                Channel transport = identity is null ? connection : await identity.Accept(connection);
                accepted.SetResult(HboneConnection.Serve(transport, handler.Handle));
            }
        }, patience: Patience);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Our_client_uses_tunnels_of_nodes_server(bool overTls)
    {
        using NodeIdentity? identity = overTls ? new NodeIdentity() : null;
        await OnLoop.Run(async loop =>
        {
            using NodeProcess node = NodeProcess.Start("node-server.js", JsonSerializer.Serialize(new { tls = identity?.Files }));
            int port = int.Parse(await node.ReadLine(), CultureInfo.InvariantCulture);
            TcpConnection connection = await TcpConnection.ConnectAsync(
                loop, null, null, new IPEndPoint(IPAddress.Loopback, port), new TcpOptions(), TimeSpan.FromSeconds(10));
            Channel transport = identity is null ? connection : await identity.Connect(connection);
            await TestClient.UseEverything(HboneConnection.Connect(transport));
        }, patience: Patience);
    }

    /// <summary>What our server does for Node's client, by authority.</summary>
    internal sealed class TestServer
    {
        public ChannelFailure? ExpectedReset { get; private set; }

        public static void AssertSeenByNode(string output)
        {
            JsonElement seen = JsonDocument.Parse(output).RootElement;
            Assert.Equal("""{"status":200,"text":"hello","ended":true}""", seen.GetProperty("echo").GetRawText());
            Assert.StartsWith("100000 ", seen.GetProperty("halfClose").GetString(), StringComparison.Ordinal);
            Assert.Equal($"{Large} {Hash(7)}", seen.GetProperty("upload").GetString());
            Assert.Equal(Large, seen.GetProperty("download").GetProperty("length").GetInt32());
            Assert.Equal(Hash(5), seen.GetProperty("download").GetProperty("sha256").GetString());
            Assert.Equal(10, seen.GetProperty("reset").GetInt32());
            Assert.Equal(8, seen.GetProperty("cancel").GetInt32());
            Assert.Equal(403, seen.GetProperty("refused").GetInt32());
            Assert.Equal(2_000_000, seen.GetProperty("many").GetInt32());
            Assert.True(seen.GetProperty("ping").GetBoolean());
        }

        public async ValueTask Handle(IncomingConnect incoming)
        {
            Assert.Equal("node=1", incoming.Header("baggage"));
            switch (incoming.Authority.Split(':'))
            {
                case ["echo", _]:
                    await Tunnels.Echo(incoming);
                    break;
                case ["count", _]:
                    using (HboneStream stream = incoming.Accept())
                    {
                        byte[] all = await Tunnels.ReadAll(stream);
                        await stream.WriteAsync(Encoding.ASCII.GetBytes($"{all.Length} {Convert.ToHexStringLower(SHA256.HashData(all))}"));
                        stream.ShutdownWrite();
                    }

                    break;
                case ["source", string amount]:
                    using (HboneStream stream = incoming.Accept())
                    {
                        byte[] bytes = new byte[int.Parse(amount, CultureInfo.InvariantCulture)];
                        bytes.AsSpan().Fill(5);
                        await stream.WriteAsync(bytes);
                        stream.ShutdownWrite();
                        await Tunnels.ReadAll(stream);
                    }

                    break;
                case ["reset", _]:
                    incoming.Accept().Abort(new ChannelFailure(FailureKind.Reset, "the application reset"));
                    break;
                case ["expect-reset", _]:
                    using (HboneStream stream = incoming.Accept())
                    {
                        await Tunnels.Read(stream, 1);
                        // Node ends its side before it resets the stream.
                        await stream.Loop.Until(() => stream.Failure is not null);
                        ExpectedReset = stream.Failure;
                    }

                    break;
                default:
                    incoming.Refuse(403);
                    break;
            }
        }
    }

    /// <summary>What our client does to Node's server.</summary>
    internal static class TestClient
    {
        public static async Task UseEverything(HboneConnection client)
        {
            await Echo(client);
            await Transfer(client);
            Assert.Equal(new ConnectOutcome.Refused(403), await client.OpenAsync(new ConnectRequest("refuse:403")));
            HboneStream reset = await Open(client, "reset:1");
            await reset.Loop.Until(() => reset.Failure is not null);
            Assert.Contains("CONNECT_ERROR", reset.Failure?.Detail, StringComparison.Ordinal);
            await Many(client);
            await GoAway(client);
        }

        private static async Task Echo(HboneConnection client)
        {
            using HboneStream stream = await Open(client, "echo:1");
            await stream.WriteAsync("hello"u8.ToArray());
            Assert.Equal("hello"u8.ToArray(), await Tunnels.Read(stream, 5));
            stream.ShutdownWrite();
            Assert.Empty(await Tunnels.ReadAll(stream));
        }

        private static async Task Transfer(HboneConnection client)
        {
            using HboneStream upload = await Open(client, "count:1");
            byte[] bytes = new byte[Large];
            bytes.AsSpan().Fill(3);
            await upload.WriteAsync(bytes);
            upload.ShutdownWrite();
            Assert.Equal($"{Large} {Hash(3)}", Encoding.ASCII.GetString(await Tunnels.ReadAll(upload)));

            using HboneStream download = await Open(client, $"source:{Large}");
            byte[] received = await Tunnels.ReadAll(download);
            Assert.Equal((Large, Hash(9)), (received.Length, Convert.ToHexStringLower(SHA256.HashData(received))));
            download.ShutdownWrite();
        }

        private static async Task Many(HboneConnection client)
        {
            Assert.Equal(150, client.StreamLimit);
            await Task.WhenAll(Enumerable.Range(0, 100).Select(async i =>
            {
                using HboneStream stream = await Open(client, "echo:1");
                byte[] bytes = RandomNumberGenerator.GetBytes(10_000 + i);
                Task<byte[]> echoed = Tunnels.ReadAll(stream);
                await stream.WriteAsync(bytes);
                stream.ShutdownWrite();
                Assert.Equal(bytes, await echoed);
            }));
        }

        private static async Task GoAway(HboneConnection client)
        {
            using HboneStream stream = await Open(client, "goaway:1");
            await stream.WriteAsync("last"u8.ToArray());
            Assert.Equal("last"u8.ToArray(), await Tunnels.Read(stream, 4));
            Assert.False(client.CanOpen);
            stream.ShutdownWrite();
            Assert.Empty(await Tunnels.ReadAll(stream));
            await client.Completion;
            Assert.Null(client.Failure);
        }

        private static async Task<HboneStream> Open(HboneConnection client, string authority) =>
            Assert.IsType<ConnectOutcome.Opened>(await client.OpenAsync(new ConnectRequest(authority))).Stream;
    }

    private static string Hash(byte fill)
    {
        byte[] bytes = new byte[Large];
        bytes.AsSpan().Fill(fill);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
