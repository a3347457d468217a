using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Proxy.Tests;

public sealed class ConnectionQuotaTests
{
    private static readonly WorkloadLimits Unlimited = new() { Connections = 0, ConnectionsPerSecond = 0, HeldBytes = 0 };

    private readonly ManualTime _time = new();

    [Fact]
    public void Without_limits_everything_may_enter()
    {
        ConnectionQuota quota = Make(Unlimited);
        for (int i = 0; i < 100_000; i++)
            Assert.Null(quota.TryEnter());
        Assert.Equal(100_000, quota.Open);
    }

    [Fact]
    public void A_workload_has_no_more_than_its_number_open_at_once()
    {
        ConnectionQuota quota = Make(Unlimited with { Connections = 2 });
        Assert.Null(quota.TryEnter());
        Assert.Null(quota.TryEnter());
        Assert.StartsWith("TooManyConnections: ", quota.TryEnter(), StringComparison.Ordinal);

        // One refused takes no place.
        quota.Leave();
        Assert.Null(quota.TryEnter());
        Assert.Equal(2, quota.Open);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    public void A_second_has_its_number_of_new_ones_whether_spread_or_at_once(int rate)
    {
        ConnectionQuota quota = Make(Unlimited with { ConnectionsPerSecond = rate });
        for (int i = 0; i < rate; i++)
            Assert.Null(quota.TryEnter());
        Assert.StartsWith("ConnectionRateExceeded: ", quota.TryEnter(), StringComparison.Ordinal);
        Assert.Equal(rate, quota.Open);

        for (int i = 0; i < 5; i++)
        {
            _time.Advance(TimeSpan.FromSeconds(1.0 / rate));
            Assert.Null(quota.TryEnter());
            Assert.NotNull(quota.TryEnter());
        }

        // A long pause saves up no more than one second's.
        _time.Advance(TimeSpan.FromHours(1));
        for (int i = 0; i < rate; i++)
            Assert.Null(quota.TryEnter());
        Assert.NotNull(quota.TryEnter());
    }

    [Fact]
    public void While_too_much_is_held_nothing_enters()
    {
        int told = 0;
        var memory = new BufferAccount(100, () => told++);
        var quota = new ConnectionQuota(Unlimited with { HeldBytes = 100 }, memory, _time);
        memory.Add(100);
        Assert.Null(quota.TryEnter());
        memory.Add(1);
        memory.Add(1);
        Assert.StartsWith("MemoryLimit: ", quota.TryEnter(), StringComparison.Ordinal);
        Assert.Equal(1, told);

        memory.Add(-50);
        memory.Rearm();
        Assert.Null(quota.TryEnter());
        memory.Add(50);
        Assert.Equal(2, told);
    }

    private ConnectionQuota Make(WorkloadLimits limits) => new(limits, new BufferAccount(limits.HeldBytes, () => { }), _time);
}
