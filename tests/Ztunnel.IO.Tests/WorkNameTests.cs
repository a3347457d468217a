namespace Ztunnel.IO.Tests;

public sealed class WorkNameTests
{
    [Fact]
    public void Work_is_named_after_the_method_somebody_wrote()
    {
        int captured = 1;
        Action<object?> lambda = _ => captured++;
        Action<object?> local = Local;

        Assert.Equal("WorkNameTests.Work_is_named_after_the_method_somebody_wrote", WorkName.Of(lambda));
        Assert.Equal("WorkNameTests.Work_is_named_after_the_method_somebody_wrote.Local", WorkName.Of(local));
        Assert.Equal("WorkNameTests.Method", WorkName.Of((Action<object?>)Method));
        Assert.Equal("String", WorkName.Of("handler"));
        Assert.Equal("nothing", WorkName.Of(null));

        void Local(object? state) => captured++;
    }

    [Fact]
    public async Task A_waiting_method_is_named_through_its_state()
    {
        await Loops.OnLoop(async loop =>
        {
            ChannelWait wait = new(loop);
            Task named = Local();
            Assert.Equal("WorkNameTests.A_waiting_method_is_named_through_its_state.Local", WorkName.Of(named));
            wait.Complete();
            Task lambda = new Func<Task>(async () => await wait.WaitAsync())();
            Assert.Equal("WorkNameTests.A_waiting_method_is_named_through_its_state", WorkName.Of(lambda));
            wait.Complete();
            await Task.WhenAll(named, lambda);

            async Task Local() => await wait.WaitAsync();
        });
    }

    [Fact]
    public async Task When_work_has_ended_its_awaiter_is_named()
    {
        await Loops.OnLoop(async loop =>
        {
            ChannelWait wait = new(loop);
            Task inner = Inner(wait);
            Task outer = Outer(inner);
            object? awaiter = Awaiter.Of(inner);
            Assert.Equal("WorkNameTests.Inner", WorkName.Of(inner, awaiter));

            wait.Complete();

            // The awaiter was taken while both waited; both have ended now, so it is one further out.
            Assert.Equal("what awaits WorkNameTests.Outer", WorkName.Of(inner, awaiter));
            await outer;
        });
    }

    private static async Task Inner(ChannelWait wait) => await wait.WaitAsync();

    private static async Task Outer(Task inner) => await inner;

    private static void Method(object? state) => GC.KeepAlive(state);
}
