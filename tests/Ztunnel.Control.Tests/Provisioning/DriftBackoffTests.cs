using Ztunnel.Testing;

namespace Ztunnel.Control.Tests;

public sealed class DriftBackoffTests
{
    private readonly ManualTime _time = new();
    private readonly DriftBackoff _drift;

    public DriftBackoffTests() => _drift = new DriftBackoff(_time, new Random(7));

    [Fact]
    public void What_is_changed_for_the_first_time_may_be_set_right_at_once() => Assert.Equal(TimeSpan.Zero, _drift.Wait);

    [Fact]
    public void The_wait_doubles_each_time_spread_by_half_up_to_a_longest()
    {
        double full = 1;
        var shares = new HashSet<double>();
        for (int time = 0; time < 14; time++)
        {
            _drift.Note(undone: true);
            Assert.InRange(_drift.Wait.TotalSeconds, full / 2, full);
            shares.Add(_drift.Wait.TotalSeconds / full);
            _time.Advance(_drift.Wait);
            Assert.Equal(TimeSpan.Zero, _drift.Wait);
            full = Math.Min(full * 2, 300);
        }

        Assert.True(shares.Count > 10);
    }

    [Fact]
    public void Changes_that_undo_nothing_of_ours_make_the_wait_no_longer_than_ten_seconds()
    {
        for (int time = 0; time < 20; time++)
        {
            Assert.False(_drift.Note(undone: false));
            Assert.InRange(_drift.Wait.TotalSeconds, 0.5, 10);
            _time.Advance(_drift.Wait);
        }
    }

    [Fact]
    public void A_fight_is_told_once_and_again_only_after_it_was_quiet()
    {
        Assert.Equal([false, false, true, false, false, false], Notes(6));
        _time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal([false, false, true, false], Notes(4));
    }

    [Fact]
    public void Mistakes_that_are_far_apart_are_no_fight()
    {
        for (int day = 0; day < 10; day++)
        {
            Assert.False(_drift.Note(undone: true));
            Assert.InRange(_drift.Wait.TotalSeconds, 0.5, 1);
            _time.Advance(TimeSpan.FromDays(1));
        }
    }

    private bool[] Notes(int times) =>
    [
        .. Enumerable.Range(0, times).Select(_ =>
        {
            bool told = _drift.Note(undone: true);
            _time.Advance(_drift.Wait);
            return told;
        }),
    ];
}
