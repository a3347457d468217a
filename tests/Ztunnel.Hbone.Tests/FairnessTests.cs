using Ztunnel.Hbone.Wire;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>A client of ours with many tunnels, facing a server that reads slowly and grants every window.</summary>
public sealed class FairnessTests
{
    private const int InFlight = 32 * 1024;

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public async Task A_small_write_overtakes_any_number_of_bulk_transfers(int bulkTunnels)
    {
        await OnLoop.Run(async loop =>
        {
            SlowServer server = await SlowServer.Start(loop);
            for (int i = 0; i < bulkTunnels; i++)
                _ = SendForEver(await server.Open());
            HboneStream interactive = await server.Open();
            await server.ReadData(5_000_000);

            for (int round = 0; round < 20; round++)
            {
                Task write = interactive.WriteAsync(new byte[10]).AsTask();
                int ahead = await server.ReadUntil(interactive.Id);
                await write;

                // What was in flight, the frame that was under way and one turn of somebody else.
                Assert.InRange(ahead, 0, InFlight + HboneOptions.Default.MaxSendFrame + HboneOptions.Default.WriteQuantum);
            }
        });
    }

    [Fact]
    public async Task On_a_slow_connection_a_small_write_does_not_wait_for_a_large_frame()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                SlowServer server = await SlowServer.Start(loop);
                _ = SendForEver(await server.Open());
                HboneStream interactive = await server.Open();
                for (int round = 0; round < 50; round++)
                {
                    // A megabyte per second.
                    await server.ReadData(100_000);
                    time.Advance(TimeSpan.FromMilliseconds(100));
                    Task write = interactive.WriteAsync(new byte[10]).AsTask();
                    int ahead = await server.ReadUntil(interactive.Id);
                    await write;
                    Assert.InRange(ahead, 0, InFlight + (32 * 1024) + (32 * 1024));
                }
            },
            time);
    }

    [Fact]
    public async Task Bulk_transfers_share_the_connection_evenly()
    {
        await OnLoop.Run(async loop =>
        {
            SlowServer server = await SlowServer.Start(loop);
            for (int i = 0; i < 4; i++)
                _ = SendForEver(await server.Open());
            await server.ReadData(1_000_000);
            Dictionary<int, int> shares = await server.ReadData(8_000_000);
            Assert.Equal(4, shares.Count);
            Assert.All(shares.Values, share => Assert.InRange(share, 1_800_000, 2_200_000));
        });
    }

    [Fact]
    public async Task Many_lively_tunnels_do_not_starve_a_bulk_transfer()
    {
        await OnLoop.Run(async loop =>
        {
            SlowServer server = await SlowServer.Start(loop);
            HboneStream bulk = await server.Open();
            _ = SendForEver(bulk);
            await server.ReadData(1_000_000);
            for (int i = 0; i < 50; i++)
                _ = SendForEver(await server.Open(), 20_000);
            await server.ReadData(1_000_000);
            Dictionary<int, int> shares = await server.ReadData(4_000_000);
            Assert.InRange(shares[bulk.Id], 1_000_000, 3_000_000);
        });
    }

    [Fact]
    public async Task A_tunnel_opens_beside_a_bulk_transfer()
    {
        await OnLoop.Run(async loop =>
        {
            SlowServer server = await SlowServer.Start(loop);
            _ = SendForEver(await server.Open());
            await server.ReadData(1_000_000);
            Task<HboneStream> opening = server.Open();
            HboneStream second = await opening;
            Assert.Null(second.Failure);
        });
    }

    private static async Task SendForEver(HboneStream stream, int pieces = 256 * 1024)
    {
        byte[] buffer = new byte[Chunk.StandardHeadroom + pieces];
        while (stream.Failure is null)
        {
            // As a relay: what is not taken stays with the source and is offered again.
            for (int sent = 0; sent < pieces && stream.Failure is null;)
            {
                int taken = stream.TryWrite(new Chunk(buffer, Chunk.StandardHeadroom).Slice(sent));
                sent += taken;
                if (taken == 0)
                    await stream.WaitForWriteAsync();
            }

            await stream.Loop.YieldAsync();
        }
    }

    private sealed class SlowServer(RawPeer peer)
    {
        private int _opened;

        public static async Task<SlowServer> Start(EventLoop loop)
        {
            MemoryChannelOptions transport = new() { Capacity = InFlight };
            RawPeer peer = await RawPeer.ServerOf(
                loop, transport: transport, settings: [(SettingId.InitialWindowSize, int.MaxValue), (SettingId.MaxFrameSize, 1024 * 1024)]);
            await peer.Send(RawFrame.WindowUpdate(0, int.MaxValue - 65_535));
            return new SlowServer(peer);
        }

        public async Task<HboneStream> Open()
        {
            ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(new ConnectRequest("a:1"));
            await ReadUntilHeaders();
            await peer.Send(RawFrame.Headers((2 * _opened++) + 1, RawFrame.OkBlock));
            return Assert.IsType<ConnectOutcome.Opened>(await opening).Stream;
        }

        /// <summary>Reads frames until so many bytes of DATA have come; how many of each stream.</summary>
        public async Task<Dictionary<int, int>> ReadData(int bytes)
        {
            Dictionary<int, int> shares = [];
            while (bytes > 0)
            {
                RawFrame frame = await peer.Expect(RawFrame.Data);
                bytes -= frame.Payload.Length;
                shares[frame.StreamId] = shares.GetValueOrDefault(frame.StreamId) + frame.Payload.Length;
            }

            return shares;
        }

        /// <summary>Reads frames until DATA of a stream comes; how many bytes of others came before.</summary>
        public async Task<int> ReadUntil(int streamId)
        {
            int ahead = 0;
            while (await peer.Expect(RawFrame.Data) is { } frame && frame.StreamId != streamId)
                ahead += frame.Payload.Length;
            return ahead;
        }

        private async Task ReadUntilHeaders() => await peer.Expect(RawFrame.HeadersType);
    }
}
