using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Gateway.Tests;

/// <summary>A server completes its pipes from whatever thread it is on, also while the loop reads or writes: a buffer given back twice would be lent to two clients.</summary>
public sealed class ChannelPipeBufferTests : IDisposable
{
    private readonly EventLoop _loop = EventLoop.Start(0);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _loop.Dispose();

    [Fact]
    public async Task What_is_being_read_into_is_not_given_back_when_the_server_completes()
    {
        Func<int, int> read = available => available;
        (MemoryChannel channel, MemoryChannel client) = MemoryChannel.Pair(_loop, new MemoryChannelOptions { ReadSize = available => read(available) });
        var reader = new ChannelPipeReader(channel, () => { });
        await _loop.RunAsync(async () => await client.WriteAsync("some"u8.ToArray(), Stop));
        ReadResult first = await reader.ReadAsync(Stop);
        Assert.True(MemoryMarshal.TryGetArray(first.Buffer.First, out ArraySegment<byte> shown));
        reader.AdvanceTo(first.Buffer.Start, first.Buffer.End);

        byte[]? rented = null;
        read = available =>
        {
            OnAnotherThread(() =>
            {
                reader.Complete();
                rented = ArrayPool<byte>.Shared.Rent(shown.Array!.Length);
            });
            return available;
        };
        Task<ReadResult> second = reader.ReadAsync(Stop).AsTask();
        await _loop.RunAsync(async () => await client.WriteAsync("more"u8.ToArray(), Stop));
        await second;
        Assert.NotSame(shown.Array, rented);
    }

    [Fact]
    public async Task What_is_being_written_from_is_not_given_back_when_the_server_completes()
    {
        ChannelPipeWriter? writer = null;
        (MemoryChannel channel, _) = MemoryChannel.Pair(_loop, new MemoryChannelOptions { WriteSize = room => Complete(room) });
        writer = new ChannelPipeWriter(channel);
        writer.Write("answer"u8);

        FlushResult result = await writer.FlushAsync(Stop);
        Assert.False(result.IsCanceled);
        Assert.Equal(6, channel.BytesWritten);
        Assert.Equal(0, writer.UnflushedBytes);

        int Complete(int room)
        {
            OnAnotherThread(() => writer!.Complete());
            return room;
        }
    }

    [Fact]
    public async Task A_flush_that_nobody_takes_ends_when_the_server_completes()
    {
        (MemoryChannel channel, _) = MemoryChannel.Pair(_loop, new MemoryChannelOptions { Capacity = 3 });
        var writer = new ChannelPipeWriter(channel);
        writer.Write("answer"u8);
        Task<FlushResult> flushing = writer.FlushAsync(Stop).AsTask();
        await _loop.RunAsync(() => Task.CompletedTask);
        Assert.False(flushing.IsCompleted);
        writer.Complete();
        Assert.True((await flushing.WaitAsync(TimeSpan.FromSeconds(20), Stop)).IsCompleted);
    }

    private static void OnAnotherThread(Action action)
    {
        var thread = new Thread(() => action());
        thread.Start();
        thread.Join();
    }
}
