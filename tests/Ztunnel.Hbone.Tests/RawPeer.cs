using System.Buffers.Binary;
using Ztunnel.Hbone.Wire;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Hbone.Tests;

/// <summary>The other end of one of our connections, that sends and sees single frames and may do anything wrong.</summary>
internal sealed class RawPeer
{
    private RawPeer(MemoryChannel channel, HboneConnection connection)
    {
        Channel = channel;
        Connection = connection;
    }

    public MemoryChannel Channel { get; }

    /// <summary>Our end.</summary>
    public HboneConnection Connection { get; }

    /// <summary>A client that has sent nothing yet, facing a server of ours.</summary>
    public static RawPeer FacingServer(
        EventLoop loop, Func<IncomingConnect, ValueTask>? handler = null, HboneOptions? options = null, MemoryChannelOptions? transport = null)
    {
        (MemoryChannel ours, MemoryChannel theirs) = MemoryChannel.Pair(loop, transport);
        return new RawPeer(theirs, HboneConnection.Serve(ours, handler ?? Tunnels.Echo, options));
    }

    /// <summary>A client that has exchanged SETTINGS with a server of ours.</summary>
    public static async Task<RawPeer> ClientOf(
        EventLoop loop,
        Func<IncomingConnect, ValueTask>? handler = null,
        HboneOptions? options = null,
        MemoryChannelOptions? transport = null,
        params (SettingId Id, uint Value)[] settings)
    {
        RawPeer peer = FacingServer(loop, handler, options, transport);
        await peer.Send(RawFrame.Preface);
        await peer.Send(RawFrame.Settings(settings), RawFrame.SettingsAck());
        await peer.Expect(RawFrame.SettingsType, frame => frame.Has(RawFrame.Ack));
        return peer;
    }

    /// <summary>A server that has exchanged SETTINGS with a client of ours.</summary>
    public static async Task<RawPeer> ServerOf(
        EventLoop loop, HboneOptions? options = null, MemoryChannelOptions? transport = null, params (SettingId Id, uint Value)[] settings)
    {
        (MemoryChannel ours, MemoryChannel theirs) = MemoryChannel.Pair(loop, transport);
        RawPeer peer = new(theirs, HboneConnection.Connect(ours, options));
        Assert.Equal(RawFrame.Preface, await Tunnels.Read(theirs, 24));
        await peer.Send(RawFrame.Settings(settings), RawFrame.SettingsAck());
        await peer.Expect(RawFrame.SettingsType, frame => frame.Has(RawFrame.Ack));
        return peer;
    }

    public async Task Send(params RawFrame[] frames)
    {
        foreach (RawFrame frame in frames)
            await Send(frame.Bytes);
    }

    public async Task Send(byte[] bytes)
    {
        if (Channel.Failure is null)
        {
            try
            {
                await Channel.WriteAsync(bytes);
            }
            catch (ChannelException)
            {
                // The other end had enough: what it said before is what a test looks at.
            }
        }
    }

    /// <summary>The next frame; null at the end of the connection.</summary>
    public async Task<RawFrame?> Next()
    {
        byte[] header = new byte[9];
        for (int filled = 0; filled < 9;)
        {
            int count = await Channel.ReadAsync(header.AsMemory(filled));
            if (count == 0)
                return null;
            filled += count;
        }

        int length = BinaryPrimitives.ReadInt32BigEndian(header) >>> 8;
        int streamId = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)) & int.MaxValue;
        return new RawFrame(header[3], header[4], streamId, await Tunnels.Read(Channel, length));
    }

    /// <summary>The next frame of a type, passing over others.</summary>
    public async Task<RawFrame> Expect(byte type, Func<RawFrame, bool>? condition = null)
    {
        List<RawFrame> passed = [];
        while (await Next() is { } frame)
        {
            if (frame.Type == type && (condition is null || condition(frame)))
                return frame;
            passed.Add(frame);
        }

        throw new InvalidOperationException(
            $"The connection ended without a frame of type {type}; there were: {string.Join(", ", passed.Select(f => $"{f.Type}/{f.StreamId}"))}");
    }

    /// <summary>Expects GOAWAY with a code and then the end of the connection.</summary>
    public async Task<RawFrame> ExpectGoAway(ErrorCode code)
    {
        RawFrame goAway = await Expect(RawFrame.GoAwayType);
        Assert.Equal((int)code, goAway.Code);
        Assert.Null(await Next());
        Channel.ShutdownWrite();
        await Connection.Completion;
        return goAway;
    }

    /// <summary>Expects RST_STREAM with a code, and that the connection still works.</summary>
    public async Task ExpectReset(int streamId, ErrorCode code)
    {
        RawFrame reset = await Expect(RawFrame.ResetType);
        Assert.Equal(((int)code, streamId), (reset.Code, reset.StreamId));
        await ExpectAlive();
    }

    /// <summary>Expects that a PING is still answered.</summary>
    public async Task ExpectAlive()
    {
        await Send(RawFrame.Ping(fill: 99));
        await Expect(RawFrame.PingType, frame => frame.Has(RawFrame.Ack) && frame.Payload[0] == 99);
    }
}
