using static Ztunnel.Mesh.Tests.Make;

namespace Ztunnel.Mesh.Tests;

public sealed class RandomPickerTests
{
    private static readonly Endpoint[] Four = [.. Enumerable.Range(1, 4).Select(i =>
        new Endpoint(Service("web", []), new ServicePort("", 80, 80), At($"10.0.0.{i}"), 80))];

    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL)]
    [InlineData(ulong.MaxValue)]
    public void Every_endpoint_is_picked_about_as_often(ulong seed)
    {
        var picker = new RandomPicker(seed);
        int[] picks = new int[Four.Length];

        for (int i = 0; i < 40_000; i++)
            picks[picker.Pick(Four)]++;

        Assert.All(picks, count => Assert.InRange(count, 9_500, 10_500));
    }

    [Fact]
    public void The_same_seed_gives_the_same_picks()
    {
        var one = new RandomPicker(42);
        var two = new RandomPicker(42);

        Assert.All(Enumerable.Range(0, 100), _ => Assert.Equal(one.Pick(Four), two.Pick(Four)));
    }
}
