namespace Ztunnel.IO.Tests;

public sealed class ChannelWaitTests
{
    [Fact]
    public async Task A_wait_whose_token_is_cancelled_at_the_same_moment_ends()
    {
        const int Rounds = 20_000;
        CancellationTokenSource source = new();
        int ready = 0;
        int go = 0;
        Thread canceller = new(() =>
        {
            for (int round = 1; round <= Rounds; round++)
            {
                Volatile.Write(ref ready, round);
                Meet(ref go, round, turns: round * 7 % 64);
                source.Cancel();
            }
        })
        {
            IsBackground = true,
        };
        canceller.Start();
        await Loops.OnLoop(async loop =>
        {
            ChannelWait wait = new(loop);
            for (int round = 1; round <= Rounds; round++)
            {
                Meet(ref ready, round, turns: 0);
                source = new CancellationTokenSource();
                using LoopTimer guard = loop.Schedule(TimeSpan.FromSeconds(3), _ => wait.Complete(), null);
                Volatile.Write(ref go, round);
                Meet(ref ready, round, turns: round % 64);
                OperationCanceledException cancelled =
                    await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await wait.WaitAsync(source.Token));
                Assert.Equal(source.Token, cancelled.CancellationToken);
            }
        });
        canceller.Join();
    }

    /// <summary>Waits for the other thread without leaving the processor for long, and then for some nanoseconds more.</summary>
    private static void Meet(ref int other, int round, int turns)
    {
        for (int turn = 1; Volatile.Read(ref other) < round; turn++)
        {
            if (turn % 2_000 == 0)
                Thread.Yield();
        }

        for (int turn = 0; turn < turns; turn++)
            Volatile.Read(ref other);
    }
}
