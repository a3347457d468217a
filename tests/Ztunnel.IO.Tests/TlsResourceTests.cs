using System.Globalization;
using Ztunnel.Testing;

namespace Ztunnel.IO.Tests;

/// <summary>What TLS costs in memory and descriptors: measured on the whole process, so with no other test running.</summary>
[Collection(nameof(Alone))]
public sealed class TlsResourceTests
{
    [CollectionDefinition(nameof(Alone), DisableParallelization = true)]
    public sealed class Alone;

    [Fact]
    public async Task An_idle_connection_holds_no_buffer_and_little_memory()
    {
        const int Pairs = 500;
        using TlsAuthority authority = new();
        using TlsContext context = authority.Context("both");
        await Loops.OnLoop(async loop =>
        {
            List<TlsConnection> open = [];
            await AddAsync(200);
            long before = PrivateBytes();
            await AddAsync(Pairs);
            long each = (PrivateBytes() - before) / (2 * Pairs);
            TestContext.Current.TestOutputHelper?.WriteLine($"{each} bytes for each idle TLS connection with its TCP connection");

            Assert.Equal(0, loop.Buffers.RentedBytes);
            Assert.InRange(each, 0, 32 * 1024);
            open.ForEach(connection => connection.Dispose());

            async Task AddAsync(int pairs)
            {
                for (int i = 0; i < pairs; i++)
                {
                    (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop, context, context);
                    await near.WriteAsync(new byte[20_000]);
                    for (int left = 20_000; left > 0;)
                        left -= await far.ReadAsync(new byte[left]);
                    open.AddRange([near, far]);
                }
            }
        });
    }

    [Fact]
    public async Task Handshakes_that_succeed_fail_or_are_given_up_leave_nothing_behind()
    {
        using TlsAuthority authority = new();
        using TlsContext good = authority.Context("good");
        using TlsContext refusing = authority.Context("refusing", new TlsRule((_, _) => "no"));
        await Loops.OnLoop(async loop =>
        {
            await RoundAsync(loop, 200);
            await RoundAsync(loop, 100);
            (long memory, int descriptors) before = (PrivateBytes(), Descriptors());
            await RoundAsync(loop, 500);
            (long memory, int descriptors) after = (PrivateBytes(), Descriptors());

            Assert.Equal(before.descriptors, after.descriptors);
            Assert.InRange(after.memory - before.memory, long.MinValue, 6 * 1024 * 1024);
            Assert.Equal(0, loop.Buffers.RentedBytes);
        });

        async Task RoundAsync(EventLoop loop, int count)
        {
            for (int i = 0; i < count; i++)
            {
                (TlsConnection near, TlsConnection far) = await TlsPair.Connect(loop, good, good);
                await TlsPair.Close(near, far);
                if (i % 4 == 0)
                    await RefuseAsync(loop);
                if (i % 50 == 0)
                    authority.Update(good, "renewed");
            }

            await Loops.Until(loop, () => loop.Load == 0);
        }

        async Task RefuseAsync(EventLoop loop)
        {
            (TcpConnection near, TcpConnection far) = await Loops.ConnectedPair(loop);
            Task<TlsConnection> accepting = TlsConnection.AcceptAsync(far, good, TlsPair.Timeout).AsTask();
            await TlsPair.Refused(TlsConnection.ConnectAsync(near, refusing, null, TlsPair.Timeout).AsTask());
            await TlsPair.Refused(accepting);
            (near, far) = await Loops.ConnectedPair(loop);
            accepting = TlsConnection.AcceptAsync(far, good, TlsPair.Timeout).AsTask();
            near.Dispose();
            await TlsPair.Refused(accepting);
        }
    }

    private static int Descriptors() => Directory.GetFiles("/proc/self/fd").Length;

    private static long PrivateBytes()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith("RssAnon:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }
}
