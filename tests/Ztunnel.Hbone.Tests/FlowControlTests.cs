using System.Security.Cryptography;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

public sealed class FlowControlTests
{
    [Fact]
    public async Task Tunnels_nobody_reads_do_not_hold_up_their_siblings()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, StallOrEcho);
            for (int i = 0; i < 100; i++)
                await WriteAll(await tunnels.Open("stall:1"), 10_000_000);
            Assert.True(tunnels.Server.UnreadBytes > 16 * 1024 * 1024, "more than the connection's window lies unread");

            HboneStream echo = await tunnels.Open("echo:1");
            byte[] payload = RandomNumberGenerator.GetBytes(1_000_000);
            Task<byte[]> echoed = Tunnels.ReadAll(echo);
            await echo.WriteAsync(payload);
            echo.ShutdownWrite();
            byte[] back = await echoed;
            Assert.True(payload.AsSpan().SequenceEqual(back));
        });
    }

    [Fact]
    public async Task A_tunnel_nobody_reads_holds_what_its_first_window_allows_and_no_more()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, StallOrEcho);
            HboneStream stream = await tunnels.Open("stall:1");
            Assert.Equal(256 * 1024, await WriteAll(stream, 10_000_000));
            await loop.Settle();
            Assert.Equal(256 * 1024, tunnels.Server.UnreadBytes);
            stream.Dispose();
            await loop.Until(() => tunnels.Server.OpenStreams == 0);
        });
    }

    [Fact]
    public async Task A_window_grows_to_its_bound_while_the_consumer_keeps_up()
    {
        await OnLoop.Run(
            async loop =>
            {
                HboneStream? atServer = null;
                Tunnels tunnels = Tunnels.Join(loop, async incoming =>
                {
                    atServer = incoming.Accept();
                    await Tunnels.ReadAll(atServer);
                });
                HboneStream stream = await tunnels.Open();
                await stream.WriteAsync(new byte[20_000_000]);
                await loop.Settle();
                Assert.Equal(4 * 1024 * 1024, atServer!.ReceiveWindowSize);
            },
            new ManualTime());
    }

    [Fact]
    public async Task A_window_does_not_grow_for_a_trickle_or_a_laggard()
    {
        ManualTime time = new();
        await OnLoop.Run(
            async loop =>
            {
                HboneStream? atServer = null;
                Tunnels tunnels = Tunnels.Join(loop, incoming =>
                {
                    atServer = incoming.Accept();
                    return ValueTask.CompletedTask;
                });
                HboneStream stream = await tunnels.Open();
                Task write = stream.WriteAsync(new byte[4_000_000]).AsTask();
                for (int i = 0; i < 40; i++)
                {
                    await Tunnels.Read(atServer!, 100_000);
                    time.Advance(TimeSpan.FromSeconds(1));
                }

                await write;
                Assert.Equal(256 * 1024, atServer!.ReceiveWindowSize);
            },
            time);
    }

    [Fact]
    public async Task When_too_much_lies_unread_the_connection_waits_and_goes_on_when_it_is_read()
    {
        await OnLoop.Run(async loop =>
        {
            List<HboneStream> stalled = [];
            HboneOptions server = new() { MaxBuffered = 1_000_000, ConnectionWindow = 1_000_000 };
            Tunnels tunnels = Tunnels.Join(
                loop,
                incoming =>
                {
                    stalled.Add(incoming.Accept());
                    return ValueTask.CompletedTask;
                },
                serverOptions: server);
            List<HboneStream> streams = [];
            List<Task> writes = [];
            for (int i = 0; i < 20; i++)
            {
                streams.Add(await tunnels.Open());
                writes.Add(streams[i].WriteAsync(new byte[200_000]).AsTask());
                await loop.Settle();
            }

            Assert.InRange(tunnels.Server.UnreadBytes, 1_000_000, 2_000_000 + (64 * 1024));
            Assert.False(writes[^1].IsCompleted);
            foreach (HboneStream stream in stalled)
                await Tunnels.Read(stream, 200_000);
            await Task.WhenAll(writes);
            Assert.Equal(0, tunnels.Server.UnreadBytes);
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });
    }

    [Fact]
    public async Task Credit_is_given_in_batches()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ClientOf(loop, Tunnels.Swallow);
            await peer.Send(RawFrame.Connect(1));
            for (int i = 0; i < 10_000; i++)
                await peer.Send(RawFrame.DataOf(1, new byte[100]));
            await peer.Send(RawFrame.Ping());
            int updates = 0;
            while ((await peer.Next())!.Type is not RawFrame.PingType and byte type)
                updates += type == RawFrame.WindowUpdateType ? 1 : 0;
            Assert.InRange(updates, 1, 8);
        });
    }

    [Fact]
    public async Task A_writer_goes_on_when_the_peer_opens_the_streams_window()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop, settings: (SettingId.InitialWindowSize, 10));
            HboneStream stream = await OpenAt(peer);
            ValueTask write = stream.WriteAsync(new byte[25]);
            Assert.Equal(10, (await peer.Expect(RawFrame.Data)).Payload.Length);
            await peer.Send(RawFrame.WindowUpdate(1, 10));
            Assert.Equal(10, (await peer.Expect(RawFrame.Data)).Payload.Length);
            Assert.False(write.IsCompleted);
            await peer.Send(RawFrame.WindowUpdate(1, 10));
            Assert.Equal(5, (await peer.Expect(RawFrame.Data)).Payload.Length);
            await write;
            Assert.Equal(5, stream.SendWindow);
        });
    }

    [Fact]
    public async Task A_writer_goes_on_when_the_peer_opens_the_connections_window()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop, settings: (SettingId.InitialWindowSize, 1_000_000));
            HboneStream stream = await OpenAt(peer);
            ValueTask write = stream.WriteAsync(new byte[65_545]);
            int sent = 0;
            while (sent < 65_535)
                sent += (await peer.Expect(RawFrame.Data)).Payload.Length;
            await loop.Settle();
            Assert.False(write.IsCompleted);
            await peer.Send(RawFrame.WindowUpdate(0, 10));
            Assert.Equal(10, (await peer.Expect(RawFrame.Data)).Payload.Length);
            await write;
        });
    }

    [Fact]
    public async Task A_window_the_peer_shrinks_below_zero_has_to_be_earned_back()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop, settings: (SettingId.InitialWindowSize, 100));
            HboneStream stream = await OpenAt(peer);
            await stream.WriteAsync(new byte[80]);
            await peer.Send(RawFrame.Settings((SettingId.InitialWindowSize, 50)));
            await loop.Until(() => stream.SendWindow == -30);
            ValueTask write = stream.WriteAsync(new byte[5]);
            await peer.Send(RawFrame.WindowUpdate(1, 30));
            await loop.Settle();
            Assert.False(write.IsCompleted);
            await peer.Send(RawFrame.Settings((SettingId.InitialWindowSize, 55)));
            await write;
            Assert.Equal(0, stream.SendWindow);
        });
    }

    [Fact]
    public async Task The_peers_frame_size_is_kept_to()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop, settings: (SettingId.MaxFrameSize, 20_000));
            HboneStream stream = await OpenAt(peer);
            await stream.WriteAsync(new byte[50_000]);
            int[] lengths = [await Length(), await Length(), await Length()];
            Assert.Equal([20_000, 20_000, 10_000], lengths);

            async Task<int> Length() => (await peer.Expect(RawFrame.Data)).Payload.Length;
        });
    }

    [Fact]
    public async Task What_was_in_front_of_a_written_payload_is_left_alone_where_it_is_the_callers()
    {
        await OnLoop.Run(async loop =>
        {
            RawPeer peer = await RawPeer.ServerOf(loop, settings: (SettingId.MaxFrameSize, 16_384));
            HboneStream stream = await OpenAt(peer);
            byte[] buffer = RandomNumberGenerator.GetBytes(Chunk.StandardHeadroom + 50_000);
            byte[] before = [.. buffer];
            Assert.Equal(50_000, stream.TryWrite(new Chunk(buffer, Chunk.StandardHeadroom)));
            Assert.True(before.AsSpan(Chunk.StandardHeadroom).SequenceEqual(buffer.AsSpan(Chunk.StandardHeadroom)));
            int position = Chunk.StandardHeadroom;
            for (int i = 0; i < 4; i++)
            {
                byte[] payload = (await peer.Expect(RawFrame.Data)).Payload;
                Assert.True(before.AsSpan(position, payload.Length).SequenceEqual(payload));
                position += payload.Length;
            }
        });
    }

    [Fact]
    public async Task Small_writes_of_many_tunnels_leave_in_one_send()
    {
        await OnLoop.Run(async loop =>
        {
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Swallow);
            List<HboneStream> streams = [];
            for (int i = 0; i < 100; i++)
                streams.Add(await tunnels.Open());
            await loop.Settle();
            int before = tunnels.ClientSide.Writes;
            foreach (HboneStream stream in streams)
                await stream.WriteAsync(new byte[100]);
            await loop.Settle();
            Assert.Equal(1, tunnels.ClientSide.Writes - before);
        });
    }

    [Fact]
    public async Task Gathered_and_direct_writes_keep_their_order()
    {
        await OnLoop.Run(async loop =>
        {
            Random random = new(17);
            Tunnels tunnels = Tunnels.Join(loop, Tunnels.Echo, transport: new MemoryChannelOptions { Capacity = 30_000 });
            HboneStream stream = await tunnels.Open();
            byte[] payload = RandomNumberGenerator.GetBytes(3_000_000);
            Task<byte[]> echoed = Tunnels.ReadAll(stream);
            for (int sent = 0; sent < payload.Length;)
            {
                int count = Math.Min(random.Next(3) == 0 ? random.Next(1, 40_000) : random.Next(1, 200), payload.Length - sent);
                await stream.WriteAsync(payload.AsMemory(sent, count));
                sent += count;
            }

            stream.ShutdownWrite();
            byte[] back = await echoed;
            Assert.True(payload.AsSpan().SequenceEqual(back));
        });
    }

    private static ValueTask StallOrEcho(IncomingConnect incoming)
    {
        if (incoming.Authority == "echo:1")
            return Tunnels.Echo(incoming);
        incoming.Accept();
        return ValueTask.CompletedTask;
    }

    private static async Task<HboneStream> OpenAt(RawPeer peer)
    {
        ValueTask<ConnectOutcome> opening = peer.Connection.OpenAsync(new ConnectRequest("a:1"));
        await peer.Send(RawFrame.Headers(1, RawFrame.OkBlock));
        return Assert.IsType<ConnectOutcome.Opened>(await opening).Stream;
    }

    /// <summary>Writes until nothing is taken for a while; how much was.</summary>
    private static async Task<int> WriteAll(HboneStream stream, int most)
    {
        int written = 0;
        byte[] bytes = new byte[64 * 1024 + Chunk.StandardHeadroom];
        while (written < most)
        {
            int taken = stream.TryWrite(new Chunk(bytes, Chunk.StandardHeadroom));
            written += taken;
            if (taken > 0)
                continue;
            await stream.Loop.Settle();
            if (stream.SendWindow <= 0)
                return written;
        }

        return written;
    }
}
