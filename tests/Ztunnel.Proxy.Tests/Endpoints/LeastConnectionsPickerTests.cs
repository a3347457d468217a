using Ztunnel.Mesh;

namespace Ztunnel.Proxy.Tests;

public sealed class LeastConnectionsPickerTests
{
    [Theory]
    [InlineData(0UL)]
    [InlineData(1UL)]
    [InlineData(ulong.MaxValue)]
    public void Endpoints_that_have_as_many_connections_are_picked_about_as_often(ulong seed)
    {
        Assert.All(new World(4, seed).Picks(40_000), count => Assert.InRange(count, 9_500, 10_500));
    }

    [Fact]
    public void Connections_that_stay_open_are_spread_evenly()
    {
        var world = new World(10);

        for (int i = 0; i < 1000; i++)
            world.Picker.Enter(world.Pick()!);

        // Drawn at random without looking the difference would be about 60.
        int[] open = [.. world.Endpoints.Select(world.Picker.OpenOf)];
        Assert.InRange(open.Max() - open.Min(), 0, 8);
    }

    [Fact]
    public void Of_two_endpoints_the_one_with_fewer_connections_is_taken()
    {
        var world = new World(2);
        world.Picker.Enter(world.Endpoints[0]);

        Assert.Equal([0, 100], world.Picks(100));

        world.Picker.Enter(world.Endpoints[1]);
        world.Picker.Enter(world.Endpoints[1]);
        Assert.Equal([100, 0], world.Picks(100));

        world.Picker.Leave(world.Endpoints[1]);
        world.Picker.Leave(world.Endpoints[1]);
        world.Picker.Leave(world.Endpoints[0]);
        Assert.All(world.Picks(100), count => Assert.InRange(count, 25, 75));
    }

    [Fact]
    public void What_was_tried_is_left_out_until_nothing_is_left()
    {
        var world = new World(3);
        List<Endpoint> tried = [];

        for (int i = 0; i < 3; i++)
        {
            Endpoint? next = world.Pick(picker: world.Picker.Without(tried));
            Assert.DoesNotContain(next, tried);
            tried.Add(next!);
        }

        Assert.Null(world.Pick(picker: world.Picker.Without(tried)));
        Assert.Null(world.Pick(lastResort: true, picker: world.Picker.Without(tried)));
    }

    [Fact]
    public void A_client_with_affinity_stays_where_it_is_and_clients_are_spread()
    {
        var world = new World(4);

        Endpoint[] homes = [.. Enumerable.Range(0, 4000).Select(client => world.Pick((ulong)client)!)];

        Assert.Equal(homes, Enumerable.Range(0, 4000).Select(client => world.Pick((ulong)client)));
        Assert.All(homes.CountBy(home => home), count => Assert.InRange(count.Value, 880, 1120));
    }

    [Fact]
    public void When_an_endpoint_fails_only_its_own_clients_move_and_they_come_back()
    {
        var world = new World(4);
        Endpoint[] homes = [.. Enumerable.Range(0, 400).Select(client => world.Pick((ulong)client)!)];

        world.Fail(2);

        Assert.All(Enumerable.Range(0, 400), client =>
        {
            Endpoint? now = world.Pick((ulong)client);
            Assert.NotEqual(world.Endpoints[2], now);
            Assert.True(homes[client] == now || homes[client] == world.Endpoints[2]);
        });
        world.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(homes, Enumerable.Range(0, 400).Select(client => world.Pick((ulong)client)));
    }

    [Fact]
    public void A_pick_allocates_nothing()
    {
        var world = new World(20);
        world.Fail(3);
        world.Picker.Enter(world.Endpoints[1]);
        world.Picks(10);
        world.Pick(7);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            world.Pick();
            world.Pick((ulong)i);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
