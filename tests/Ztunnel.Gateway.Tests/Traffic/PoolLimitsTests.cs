using Ztunnel.Mesh;

namespace Ztunnel.Gateway.Tests;

public sealed class PoolLimitsTests
{
    private readonly PoolLimits _limits = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_limits_everybody_enters()
    {
        for (int i = 0; i < 100; i++)
            Assert.True(await _limits.Enter(null, needsConnection: true, Stop));
        Assert.Equal(100, _limits.Requests);
        Assert.Equal(100, _limits.Connections);
        for (int i = 0; i < 100; i++)
            _limits.Leave(null, hadConnection: true);
        Assert.Equal(0, _limits.Requests + _limits.Connections + _limits.Pending);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task More_requests_than_there_may_be_overflow(bool http1)
    {
        var pool = new ConnectionPool { MaxRequests = 2 };
        Assert.True(await _limits.Enter(pool, http1, Stop));
        Assert.True(await _limits.Enter(pool, http1, Stop));
        Assert.False(await _limits.Enter(pool, http1, Stop));
        Assert.Equal(1, _limits.Overflowed);
        _limits.Leave(pool, http1);
        Assert.True(await _limits.Enter(pool, http1, Stop));
    }

    [Fact]
    public async Task Who_finds_no_connection_waits_for_one_as_long_as_few_do()
    {
        var pool = new ConnectionPool { MaxConnections = 1, MaxPendingRequests = 2 };
        Assert.True(await _limits.Enter(pool, needsConnection: true, Stop));
        Task<bool> first = _limits.Enter(pool, needsConnection: true, Stop).AsTask();
        Task<bool> second = _limits.Enter(pool, needsConnection: true, Stop).AsTask();
        Assert.False(await _limits.Enter(pool, needsConnection: true, Stop));
        Assert.Equal((1, 2, 1L), (_limits.Connections, _limits.Pending, _limits.Overflowed));
        Assert.False(first.IsCompleted || second.IsCompleted);
        _limits.Leave(pool, hadConnection: true);
        Assert.True(await first.WaitAsync(TimeSpan.FromSeconds(20), Stop));
        Assert.False(second.IsCompleted);
        _limits.Leave(pool, hadConnection: true);
        Assert.True(await second.WaitAsync(TimeSpan.FromSeconds(20), Stop));
        _limits.Leave(pool, hadConnection: true);
        Assert.Equal(0, _limits.Requests + _limits.Connections + _limits.Pending);
    }

    [Fact]
    public async Task Who_stops_waiting_takes_no_connection()
    {
        var pool = new ConnectionPool { MaxConnections = 1 };
        Assert.True(await _limits.Enter(pool, needsConnection: true, Stop));
        using var impatient = new CancellationTokenSource();
        Task<bool> gone = _limits.Enter(pool, needsConnection: true, impatient.Token).AsTask();
        Task<bool> patient = _limits.Enter(pool, needsConnection: true, Stop).AsTask();
        await impatient.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        _limits.Leave(pool, hadConnection: true);
        Assert.True(await patient.WaitAsync(TimeSpan.FromSeconds(20), Stop));
        Assert.Equal((1, 1, 0), (_limits.Requests, _limits.Connections, _limits.Pending));
    }

    [Fact]
    public async Task From_many_threads_no_more_are_connected_than_may_be_and_all_get_their_turn()
    {
        var pool = new ConnectionPool { MaxConnections = 3 };
        int inside = 0, most = 0, served = 0;
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            for (int i = 0; i < 500; i++)
            {
                Assert.True(await _limits.Enter(pool, needsConnection: true, Stop));
                int now = Interlocked.Increment(ref inside);
                for (int seen = most; now > seen && Interlocked.CompareExchange(ref most, now, seen) != seen; seen = most)
                {
                }

                await Task.Yield();
                Interlocked.Decrement(ref inside);
                Interlocked.Increment(ref served);
                _limits.Leave(pool, hadConnection: true);
            }
        }))).WaitAsync(TimeSpan.FromSeconds(60), Stop);
        Assert.Equal(4000, served);
        Assert.InRange(most, 1, 3);
        Assert.Equal(0, _limits.Requests + _limits.Connections + _limits.Pending);
    }

    [Fact]
    public void Retries_and_connects_have_limits_of_their_own()
    {
        var pool = new ConnectionPool { MaxRetries = 1, MaxPendingRequests = 1 };
        Assert.True(_limits.EnterRetry(pool));
        Assert.False(_limits.EnterRetry(pool));
        Assert.Equal((1, 1L, 0L), (_limits.Retries, _limits.RetriesOverflowed, _limits.Overflowed));
        _limits.LeaveRetry();
        Assert.True(_limits.EnterRetry(pool));
        Assert.True(_limits.BeginConnect(pool));
        Assert.False(_limits.BeginConnect(pool));
        Assert.Equal(1, _limits.Overflowed);
        _limits.EndConnect();
        Assert.True(_limits.BeginConnect(pool));
    }
}
