using System.Diagnostics;
using System.Net;

namespace Ztunnel.IO.Tests;

[Collection(nameof(Alone))]
public sealed class ResourceTests
{
    private const int PendingClients = 200;

    [Fact]
    public async Task Thousands_of_connections_ended_in_every_way_leave_no_descriptor()
    {
        await Loops.OnLoop(async loop =>
        {
            await Churn(loop, 20);
            int before = OpenDescriptors();

            await Churn(loop, 3_000);

            Assert.Equal(0, loop.Load);
            Assert.Equal(0, loop.Buffers.RentedBytes);
            await Loops.Until(loop, () => OpenDescriptors() <= before);
        });
    }

    [Fact]
    public async Task An_idle_connection_that_is_waited_for_costs_less_than_400_bytes()
    {
        const int Pairs = 2_000;
        await Loops.OnLoop(async loop =>
        {
            using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
            List<TcpConnection> connections = new(2 * Pairs);
            listener.Start(loop, [loop], connections.Add);
            await Open(100);
            long before = GC.GetTotalMemory(forceFullCollection: true);

            await Open(Pairs);
            foreach (TcpConnection connection in connections)
                _ = connection.WaitForReadAsync();

            double each = (GC.GetTotalMemory(forceFullCollection: true) - before) / (2.0 * Pairs);
            TestContext.Current.SendDiagnosticMessage($"{each:F0} bytes for an idle connection");
            Assert.InRange(each, 100, 400);
            connections.ForEach(connection => connection.Dispose());

            async Task Open(int count)
            {
                int target = connections.Count + (2 * count);
                for (int i = 0; i < count; i++)
                {
                    connections.Add(await TcpConnection.ConnectAsync(
                        loop, null, null, listener.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout));
                }

                await Loops.Until(loop, () => connections.Count == target);
            }
        });
    }

    [Fact]
    public async Task A_listener_out_of_descriptors_pauses_without_spinning_and_goes_on_when_there_are_some()
    {
        RecordingLogger log = new();
        using EventLoop loop = EventLoop.Start(0, logger: log);
        using EventLoop other = EventLoop.Start(1);
        using TcpListener listener = TcpListener.Listen(null, new IPEndPoint(IPAddress.Loopback, 0), new TcpListenOptions());
        await other.RunAsync(async () =>
        {
            for (int i = 0; i < PendingClients; i++)
                await TcpConnection.ConnectAsync(other, null, null, listener.LocalEndPoint, new TcpOptions(), Loops.ConnectTimeout);
        });

        using Process limit = LimitDescriptors(OpenDescriptors() + 20);
        ListenWithoutDescriptors(loop, listener, log, limit);

        await other.RunAsync(() => Loops.Until(other, () => loop.Load == PendingClients));
        Assert.Equal($"Accepting on {listener.LocalEndPoint} again.", log.Lines.Last());
    }

    /// <summary>All on one thread: the runtime cannot start another while it can open no file.</summary>
    private static void ListenWithoutDescriptors(EventLoop loop, TcpListener listener, RecordingLogger log, Process limit)
    {
        Assert.Equal("limited", limit.StandardOutput.ReadLine());
        listener.Start(loop, [loop], _ => { });
        SpinWait.SpinUntil(() => !log.Lines.IsEmpty, Loops.Patience);
        long progress = loop.Progress;
        long start = TimeProvider.System.GetTimestamp();
        SpinWait.SpinUntil(() => TimeProvider.System.GetElapsedTime(start) > TimeSpan.FromMilliseconds(350), Loops.Patience);
        long steps = loop.Progress - progress;
        int accepted = loop.Load;
        limit.StandardInput.Close();
        Assert.Equal("raised", limit.StandardOutput.ReadLine());

        Assert.InRange(steps, 2, 20);
        Assert.InRange(accepted, 0, PendingClients - 1);
        Assert.Equal(
            $"Accepting on {listener.LocalEndPoint} is paused: Too many open files. Trying again every 00:00:00.1000000.",
            log.Lines.First());
    }

    /// <summary>Lowers our limit of descriptors; raises it again when its input is closed.</summary>
    private static Process LimitDescriptors(int count)
    {
        int own = Environment.ProcessId;
        string script = $"old=$(prlimit --pid {own} --nofile -o SOFT --noheadings | tr -d ' '); "
            + $"prlimit --pid {own} --nofile={count}: && echo limited; read end; prlimit --pid {own} --nofile=$old: && echo raised";
        return Process.Start(new ProcessStartInfo("sh", ["-c", script])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
    }

    private static async Task Churn(EventLoop loop, int count)
    {
        for (int i = 0; i < count; i++)
        {
            (TcpConnection client, TcpConnection server) = await Loops.ConnectedPair(loop);
            await End(i % 5, client, server);
            client.Dispose();
            server.Dispose();
        }
    }

    private static async Task End(int way, TcpConnection client, TcpConnection server)
    {
        switch (way)
        {
            case 0:
                client.ShutdownWrite();
                await Loops.ReadAll(server);
                server.ShutdownWrite();
                await Loops.ReadAll(client);
                break;
            case 1:
                client.ShutdownWrite();
                break;
            case 2:
                client.Abort(new ChannelFailure(FailureKind.Closed, "test"));
                await Loops.ReadAll(server);
                break;
            case 3:
                await client.WriteAsync("left over"u8.ToArray());
                Assert.Equal(4, await server.ReadAsync(new byte[4]));
                break;
            default:
                break;
        }
    }

    private static int OpenDescriptors() => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();
}
