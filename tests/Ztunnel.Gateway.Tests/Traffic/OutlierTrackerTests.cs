using System.Net;
using Ztunnel.Mesh;
using Ztunnel.Testing;

namespace Ztunnel.Gateway.Tests;

public sealed class OutlierTrackerTests
{
    private static readonly OutlierDetection Rules = new()
    {
        Consecutive5xxErrors = 3,
        Interval = TimeSpan.FromSeconds(10),
        BaseEjectionTime = TimeSpan.FromSeconds(30),
        MaxEjectionPercent = 50,
    };

    private readonly ManualTime _time = new();
    private readonly IPEndPoint[] _endpoints = [.. Enumerable.Range(1, 4).Select(i => new IPEndPoint(new IPAddress([10, 0, 0, (byte)i]), 80))];
    private readonly OutlierTracker _tracker;

    public OutlierTrackerTests() => _tracker = new OutlierTracker(_time, () => _endpoints);

    [Fact]
    public void So_many_errors_in_a_row_leave_an_endpoint_out_and_a_success_between_them_does_not()
    {
        Answer(0, 500, 500, 200, 500, 500);
        Assert.Empty(Out());
        Answer(0, 500);
        Assert.Equal([0], Out());
        Assert.Equal(1, _tracker.Ejected);
    }

    [Fact]
    public void It_returns_after_its_time_at_the_next_look_and_each_time_in_a_row_is_longer()
    {
        Answer(0, 500, 500, 500);
        _time.Advance(TimeSpan.FromSeconds(29));
        Assert.Equal([0], Out());
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.Empty(Out());

        Answer(0, 500, 500, 500);
        _time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal([0], Out());
        Assert.Equal(2, Assert.Single(_tracker.Snapshot(Rules)).Times);
        _time.Advance(TimeSpan.FromSeconds(11));
        Assert.Empty(Out());
    }

    [Fact]
    public void Who_was_well_for_long_enough_begins_anew()
    {
        Answer(0, 500, 500, 500);
        _time.Advance(TimeSpan.FromSeconds(40));
        Assert.Empty(Out());
        _time.Advance(TimeSpan.FromSeconds(10));
        Assert.Empty(Out());
        Answer(0, 500, 500, 500);
        Assert.Equal(1, Assert.Single(_tracker.Snapshot(Rules)).Times);
    }

    [Fact]
    public void No_ejection_is_longer_than_five_minutes_unless_the_first_is()
    {
        OutlierDetection longer = Rules with { BaseEjectionTime = TimeSpan.FromSeconds(200) };
        for (int time = 0; time < 2; time++)
        {
            Answer(longer, 0, 500, 500, 500);
            TimeSpan left = Assert.Single(_tracker.Snapshot(longer)).Left;
            Assert.Equal(time == 0 ? 200 : 300, left.TotalSeconds, 1.0);
            // To the very look at which it returns, so that nothing is forgiven between.
            _time.Advance(left);
            while (Out(longer).Length > 0)
                _time.Advance(TimeSpan.FromSeconds(1));
        }
    }

    [Fact]
    public void However_long_is_asked_for_the_clock_can_count_it()
    {
        OutlierDetection endless = Rules with { BaseEjectionTime = TimeSpan.MaxValue, Interval = TimeSpan.MaxValue };
        Answer(endless, 0, 500, 500, 500);
        _time.Advance(TimeSpan.FromDays(1000));
        Assert.Equal([0], Out(endless));
    }

    [Fact]
    public void Not_more_than_a_share_is_left_out_and_one_always_may_be()
    {
        for (int i = 0; i < 4; i++)
            Answer(i, 500, 500, 500);
        Assert.Equal([0, 1], Out());
    }

    [Fact]
    public void Of_few_endpoints_one_is_left_out_however_small_the_share()
    {
        OutlierDetection small = Rules with { MaxEjectionPercent = 10 };
        Answer(small, 0, 500, 500, 500);
        Answer(small, 1, 500, 500, 500);
        Assert.Equal([0], Out(small));
    }

    [Fact]
    public void Where_too_few_would_be_left_none_is_left_out()
    {
        OutlierDetection careful = Rules with { MaxEjectionPercent = 100, MinHealthPercent = 60 };
        Answer(careful, 0, 500, 500, 500);
        Assert.Equal([0], Out(careful));
        Answer(careful, 1, 500, 500, 500);
        Assert.Empty(Out(careful));
        Assert.Equal(2, _tracker.Snapshot(careful).Count);
    }

    [Theory]
    [InlineData(502, true)]
    [InlineData(503, true)]
    [InlineData(504, true)]
    [InlineData(500, false)]
    public void Errors_of_gateways_may_count_alone(int status, bool counts)
    {
        OutlierDetection gateways = Rules with { Consecutive5xxErrors = 0, ConsecutiveGatewayErrors = 2 };
        Answer(gateways, 0, status, status);
        Assert.Equal(counts ? 1 : 0, Out(gateways).Length);
    }

    [Fact]
    public void What_does_not_answer_counts_as_503()
    {
        OutlierDetection gateways = Rules with { Consecutive5xxErrors = 0, ConsecutiveGatewayErrors = 2 };
        Fail(gateways, 0, 2);
        Assert.Equal([0], Out(gateways));
    }

    [Fact]
    public void What_does_not_answer_may_count_alone()
    {
        OutlierDetection split = Rules with { SplitLocalErrors = true, ConsecutiveLocalErrors = 2 };
        Fail(split, 0, 1);
        Answer(split, 0, 500);
        Fail(split, 0, 1);
        Assert.Empty(Out(split));
        Fail(split, 0, 1);
        Assert.Equal([0], Out(split));
    }

    private void Answer(int endpoint, params int[] statuses) => Answer(Rules, endpoint, statuses);

    private void Answer(OutlierDetection rules, int endpoint, params int[] statuses)
    {
        foreach (int status in statuses)
            _tracker.Answered(_tracker.Of(_endpoints[endpoint]), status, rules);
    }

    private void Fail(OutlierDetection rules, int endpoint, int times)
    {
        for (int i = 0; i < times; i++)
            _tracker.Failed(_tracker.Of(_endpoints[endpoint]), tookTooLong: false, rules);
    }

    private int[] Out() => Out(Rules);

    private int[] Out(OutlierDetection rules) =>
        [.. (_tracker.LeftOut(rules) ?? []).Select(address => Array.IndexOf(_endpoints, address)).Order()];
}
