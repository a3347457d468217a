using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Ztunnel.IO;
using Ztunnel.Testing;

namespace Ztunnel.Deploy.Tests;

/// <summary>What systemd hears on its socket, which is a real one here.</summary>
public sealed class SystemdNotifierTests : IDisposable
{
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("ztunnel-systemd-");
    private readonly ManualTime _time = new();

    public void Dispose() => _directory.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_hears_that_the_role_serves_and_that_it_stops(bool isAbstract)
    {
        string name = isAbstract ? $"@ztunnel-test-{Guid.NewGuid():N}" : Path.Combine(_directory.FullName, "notify");
        using Socket systemd = Listen(name);
        await using SystemdNotifier notifier = Find(("NOTIFY_SOCKET", name));

        notifier.Ready("agent of node a", () => Task.CompletedTask);
        notifier.Stopping("waiting");

        Assert.Equal("READY=1\nSTATUS=agent of node a", await Hear(systemd));
        Assert.Equal("STOPPING=1\nSTATUS=waiting", await Hear(systemd));
        Assert.Equal(0, _time.ArmedTimers);
    }

    [Fact]
    public async Task Its_watchdog_hears_twice_in_its_time_while_the_loops_turn_and_nothing_while_one_is_stuck()
    {
        string path = Path.Combine(_directory.FullName, "notify");
        using Socket systemd = Listen(path);
        using EventLoopGroup loops = EventLoopGroup.Start(2);
        await using SystemdNotifier notifier = Find(
            ("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));

        notifier.Ready("here", loops.Turn);
        Assert.StartsWith("READY=1", await Hear(systemd), StringComparison.Ordinal);
        Assert.Equal("WATCHDOG=1", await Hear(systemd));
        for (int beat = 0; beat < 3; beat++)
        {
            await Eventually.Holds(() => _time.ArmedTimers == 1);
            _time.Advance(TimeSpan.FromSeconds(15));
            Assert.Equal("WATCHDOG=1", await Hear(systemd));
        }

        using var release = new ManualResetEventSlim();
        using var stuck = new ManualResetEventSlim();
        loops.Loops[1].Post(_ => { stuck.Set(); release.Wait(); }, null);
        stuck.Wait(TestContext.Current.CancellationToken);
        try
        {
            _time.Advance(TimeSpan.FromSeconds(15));
            _time.Advance(TimeSpan.FromSeconds(15));
            // The other loop has come round meanwhile, and nothing was said for it.
            await loops.Loops[0].RunAsync(() => Task.CompletedTask);
            Assert.False(systemd.Poll(100_000, SelectMode.SelectRead));
        }
        finally
        {
            release.Set();
        }

        Assert.Equal("WATCHDOG=1", await Hear(systemd));
    }

    [Theory]
    [InlineData("", "30000000", null)]
    [InlineData("relative", "30000000", null)]
    [InlineData("/no/such/socket", "30000000", null)]
    [InlineData("/no/such/socket", "-1", null)]
    [InlineData("/no/such/socket", "9223372036854775807", null)]
    public async Task Without_anybody_who_listens_it_goes_on(string socket, string watchdog, string? pid)
    {
        await using SystemdNotifier notifier = Find(("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", watchdog), ("WATCHDOG_PID", pid));

        notifier.Ready("here", () => Task.CompletedTask);
        notifier.Stopping("gone");
    }

    [Fact]
    public async Task A_watchdog_of_another_process_is_left_alone()
    {
        string path = Path.Combine(_directory.FullName, "notify");
        using Socket systemd = Listen(path);
        await using SystemdNotifier notifier = Find(("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", "30000000"), ("WATCHDOG_PID", "1"));

        notifier.Ready("here", () => Task.CompletedTask);
        notifier.Stopping("gone");

        Assert.StartsWith("READY=1", await Hear(systemd), StringComparison.Ordinal);
        Assert.StartsWith("STOPPING=1", await Hear(systemd), StringComparison.Ordinal);
    }

    private SystemdNotifier Find(params (string Name, string? Value)[] variables) =>
        SystemdNotifier.Find(name => variables.FirstOrDefault(variable => variable.Name == name).Value, NullLogger.Instance, _time);

    private static Socket Listen(string name)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(name.StartsWith('@') ? "\0" + name[1..] : name));
        return socket;
    }

    private static async Task<string> Hear(Socket systemd)
    {
        byte[] message = new byte[4096];
        int length = await systemd.ReceiveAsync(message, TestContext.Current.CancellationToken).AsTask().WaitAsync(Eventually.Deadline);
        return Encoding.UTF8.GetString(message, 0, length);
    }
}
