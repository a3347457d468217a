using Ztunnel.Mesh;

namespace Ztunnel.Proxy.Tests;

public sealed class EjectionsTests
{
    [Fact]
    public void An_endpoint_is_passed_over_after_failures_in_a_row_and_not_before()
    {
        var world = new World(2);

        world.Fail(0, times: 2);
        Assert.All(world.Picks(100), count => Assert.InRange(count, 25, 75));

        world.Ejections.Succeeded(world.Endpoints[0]);
        world.Fail(0, times: 2);
        Assert.All(world.Picks(100), count => Assert.InRange(count, 25, 75));

        world.Fail(0, times: 1);
        Assert.Equal([0, 100], world.Picks(100));
    }

    [Fact]
    public void It_comes_back_by_degrees_and_is_then_forgotten()
    {
        var world = new World(2);
        world.Fail(0);

        world.Time.Advance(TimeSpan.FromSeconds(3.9));
        Assert.Equal(0, world.Picks(1000)[0]);
        // Two are drawn, so an endpoint let in with probability p is taken first in p/2 of the picks.
        world.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.InRange(world.Picks(10_000)[0], 200, 1500);
        world.Time.Advance(TimeSpan.FromSeconds(10));
        Assert.InRange(world.Picks(10_000)[0], 2000, 4300);
        world.Time.Advance(TimeSpan.FromSeconds(10.1));
        Assert.InRange(world.Picks(10_000)[0], 4700, 5300);
        Assert.Empty(world.Ejections.Snapshot());
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 8)]
    [InlineData(3, 10)]
    [InlineData(4, 10)]
    public void Each_time_it_fails_again_it_is_passed_over_for_longer_up_to_a_bound(int times, double seconds)
    {
        var world = new World(2);
        world.Fail(0);
        for (int i = 1; i < times; i++)
        {
            world.Time.Advance(TimeSpan.FromSeconds(10));
            world.Fail(0, times: 1);
        }

        world.Time.Advance(TimeSpan.FromSeconds(seconds - 0.1));
        Assert.Equal(0, world.Ejections.ShareOf(world.Endpoints[0]));
        world.Time.Advance(TimeSpan.FromSeconds(0.1));
        Assert.InRange(world.Ejections.ShareOf(world.Endpoints[0]), 0.1, 0.2);
    }

    [Fact]
    public void Failures_of_what_was_under_way_do_not_prolong_it()
    {
        var world = new World(2);

        world.Fail(0, times: 50);

        world.Time.Advance(TimeSpan.FromSeconds(4));
        Assert.InRange(world.Ejections.ShareOf(world.Endpoints[0]), 0.1, 0.2);
    }

    [Fact]
    public void Where_all_are_passed_over_all_are_used_and_success_lets_one_return()
    {
        var world = new World(3);
        for (int i = 0; i < 3; i++)
            world.Fail(i);

        Assert.Null(world.Pick());
        Assert.NotNull(world.Pick(lastResort: true));

        world.Ejections.Succeeded(world.Endpoints[1]);
        Assert.Equal(0, world.Ejections.ShareOf(world.Endpoints[0]));
        Assert.InRange(world.Ejections.ShareOf(world.Endpoints[1]), 0.1, 0.2);
    }

    [Fact]
    public void The_snapshot_tells_until_when_and_forgets_what_nobody_asks_for()
    {
        var world = new World(3);
        world.Fail(0);
        world.Fail(1, times: 1);

        Assert.Equal(
            [(world.Endpoints[0], 3, world.Time.GetUtcNow().AddSeconds(4), 0.0), (world.Endpoints[1], 1, null, 1.0)],
            world.Ejections.Snapshot().OrderBy(entry => entry.Share).Select(entry => (entry.Endpoint, entry.Failures, entry.Until, entry.Share)));

        world.Time.Advance(TimeSpan.FromSeconds(25));
        Assert.Empty(world.Ejections.Snapshot());
    }

    [Fact]
    public void An_endpoint_that_went_away_costs_the_others_nothing_once_its_time_has_passed()
    {
        Endpoint[] endpoints = new World(2).Endpoints;
        var time = new CountingTime();
        var ejections = new Ejections(World.Options, time);
        for (int i = 0; i < World.Options.Failures; i++)
            ejections.Failed(endpoints[0]);

        Assert.True(LooksAtTheClock());
        time.Now = World.Options.First + World.Options.Return - TimeSpan.FromSeconds(1);
        Assert.Equal(1, ejections.ShareOf(endpoints[1]));
        Assert.True(LooksAtTheClock());
        time.Now += World.Options.Return + TimeSpan.FromSeconds(1);
        Assert.Equal(1, ejections.ShareOf(endpoints[1]));
        Assert.False(LooksAtTheClock());

        bool LooksAtTheClock()
        {
            int before = time.Looks;
            ejections.ShareOf(endpoints[1]);
            ejections.Succeeded(endpoints[1]);
            return time.Looks > before;
        }
    }

    [Fact]
    public void Loops_that_fail_at_once_lose_no_failure()
    {
        var world = new World(64);

        Parallel.For(0, 3 * 64, i => world.Ejections.Failed(world.Endpoints[i % 64]));

        Assert.All(world.Endpoints, endpoint => Assert.Equal(0, world.Ejections.ShareOf(endpoint)));
    }

    /// <summary>Knows how often it was looked at.</summary>
    private sealed class CountingTime : TimeProvider
    {
        public int Looks { get; private set; }

        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp()
        {
            Looks++;
            return Now.Ticks;
        }
    }
}
