using Ztunnel.Mesh;

namespace Ztunnel.Gateway.Tests;

public sealed class RetryRuleTests
{
    [Theory]
    [InlineData(503, null, true)]
    [InlineData(500, null, false)]
    [InlineData(504, null, false)]
    [InlineData(200, "14", true)]
    [InlineData(200, "1", true)]
    [InlineData(200, "13", false)]
    public void Without_a_word_of_its_own_a_route_has_unavailable_backends_tried_again(int status, string? grpc, bool again) =>
        Assert.Equal(again, RetryRule.Of(null).AfterAnswer(status, grpc));

    [Fact]
    public void What_no_route_is_for_is_only_tried_again_where_nobody_has_seen_it()
    {
        Assert.False(RetryRule.Unrouted.AfterAnswer(503, "14"));
        Assert.True(RetryRule.Unrouted.After(TryFailure.NotConnected));
        Assert.True(RetryRule.Unrouted.After(TryFailure.Stale));
        Assert.False(RetryRule.Unrouted.After(TryFailure.Broken));
        Assert.False(RetryRule.Unrouted.NeedsBody);
        Assert.Equal(2, RetryRule.Unrouted.Retries);
    }

    [Theory]
    [InlineData(500, true)]
    [InlineData(503, false)]
    public void A_route_says_which_statuses(int status, bool again) =>
        Assert.Equal(again, RetryRule.Of(new RetryPolicy { Codes = [500, 502] }).AfterAnswer(status, null));

    [Fact]
    public void A_route_that_says_anything_has_what_breaks_or_takes_too_long_tried_again()
    {
        foreach (TryFailure failure in Enum.GetValues<TryFailure>())
        {
            Assert.True(RetryRule.Of(new RetryPolicy()).After(failure));
            Assert.Equal(failure is TryFailure.NotConnected or TryFailure.Stale, RetryRule.Of(null).After(failure));
        }
    }

    [Fact]
    public void No_tries_means_none()
    {
        RetryRule none = RetryRule.Of(new RetryPolicy { Attempts = 0 });
        Assert.Equal(0, none.Retries);
        Assert.False(none.NeedsBody);
    }

    [Theory]
    [InlineData(1, 0, 0)]
    [InlineData(1, 1, 25)]
    [InlineData(2, 1, 75)]
    [InlineData(3, 0.5, 87.5)]
    [InlineData(60, 1, 250)]
    public void Waits_grow_and_are_spread(int retry, double draw, double milliseconds) =>
        Assert.Equal(milliseconds, RetryRule.Of(null).Wait(retry, draw).TotalMilliseconds, 0.01);

    [Theory]
    [InlineData(1, 0, 100)]
    [InlineData(1, 1, 200)]
    [InlineData(2, 1, 400)]
    [InlineData(60, 1, 1000)]
    public void A_route_says_the_least_to_wait(int retry, double draw, double milliseconds) =>
        Assert.Equal(milliseconds, RetryRule.Of(new RetryPolicy { Backoff = TimeSpan.FromMilliseconds(100) }).Wait(retry, draw).TotalMilliseconds, 0.01);

    [Theory]
    [InlineData(0, 100, 0, false)]
    [InlineData(1, 3, 0.33, true)]
    [InlineData(1, 3, 0.34, false)]
    [InlineData(100, 100, 0.999, true)]
    public void A_mirror_takes_its_share(int numerator, int denominator, double draw, bool taken)
    {
        var target = new HttpBackend { Service = new ServiceName("a", "b"), Port = 80 };
        Assert.Equal(taken, new HttpFilter.Mirror(target, numerator, denominator).Takes(draw));
    }
}
