using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

public sealed class LoopBuffersTests
{
    [Fact]
    public async Task Blocks_are_reused_by_size_and_counted()
    {
        await Loops.OnLoop(loop =>
        {
            LoopBuffers buffers = loop.Buffers;
            Block small = buffers.Rent(1);
            Block large = buffers.Rent(LoopBuffers.MediumBlock + 1);
            Assert.Equal(LoopBuffers.SmallBlock, small.Bytes.Length);
            Assert.Equal(LoopBuffers.LargeBlock, large.Bytes.Length);
            Assert.Equal(LoopBuffers.SmallBlock + LoopBuffers.LargeBlock, buffers.RentedBytes);

            small.Dispose();
            small.Dispose();
            Assert.Equal(LoopBuffers.SmallBlock, buffers.FreeBytes);
            using Block medium = buffers.Rent(LoopBuffers.MediumBlock);
            Assert.NotSame(small, medium);
            Assert.Same(small, buffers.Rent(LoopBuffers.SmallBlock));
            Assert.Equal(0, buffers.FreeBytes);
            Assert.Throws<ArgumentOutOfRangeException>(() => buffers.Rent(LoopBuffers.LargeBlock + 1));
            return Task.CompletedTask;
        });
    }

    [Fact]
    public async Task Blocks_nobody_needs_are_let_go_and_blocks_in_use_are_not()
    {
        ManualTime time = new();
        using EventLoop loop = EventLoop.Start(0, new EventLoopOptions { TimeProvider = time });
        await loop.RunAsync(async () =>
        {
            Block[] burst = [.. Enumerable.Range(0, 64).Select(_ => loop.Buffers.Rent(1))];
            Block kept = loop.Buffers.Rent(1);
            foreach (Block block in burst)
                block.Dispose();
            Assert.Equal(64 * LoopBuffers.SmallBlock, loop.Buffers.FreeBytes);

            for (int second = 0; second < 10; second++)
            {
                TaskCompletionSource passed = new();
                loop.Schedule(TimeSpan.FromSeconds(1), _ => passed.SetResult(), null);
                await loop.YieldAsync();
                time.Advance(TimeSpan.FromSeconds(1));
                await passed.Task;
            }

            Assert.Equal(0, loop.Buffers.FreeBytes);
            Assert.Equal(LoopBuffers.SmallBlock, loop.Buffers.RentedBytes);
            kept.Dispose();
        }).WaitAsync(Loops.Patience, TestContext.Current.CancellationToken);
    }
}
