using System.ComponentModel;
using System.Net;

namespace Ztunnel.IO.Tests;

public sealed class NetworkNamespaceTests
{
    [Fact]
    public void A_new_namespace_has_a_loopback_interface_and_nothing_else()
    {
        using NetworkNamespace home = NetworkNamespace.OpenCurrent();
        using NetworkNamespace created = NetworkNamespace.Create();

        Assert.NotEqual(home.Inode, created.Inode);
        Assert.Equal(
            [IPAddress.Loopback, IPAddress.IPv6Loopback], created.Addresses().OrderBy(address => address.ToString().Length).Reverse());
    }

    [Fact]
    public void A_namespace_can_be_opened_by_the_path_it_tells()
    {
        using NetworkNamespace created = NetworkNamespace.Create();
        using NetworkNamespace opened = NetworkNamespace.Open(created.Path);

        Assert.Equal(created.Inode, opened.Inode);
        Assert.Equal(created.Path, opened.Path);
    }

    [Fact]
    public void Work_runs_inside_and_the_thread_comes_home_also_from_a_stay_within_a_stay()
    {
        using NetworkNamespace home = NetworkNamespace.OpenCurrent();
        using NetworkNamespace outer = NetworkNamespace.Create();
        using NetworkNamespace inner = NetworkNamespace.Create();

        (ulong before, ulong inside, ulong after) = outer.Run(() => (Here(), inner.Run(Here), Here()));

        Assert.Equal((outer.Inode, inner.Inode, outer.Inode), (before, inside, after));
        Assert.Throws<FormatException>(() => outer.Run(() => throw new FormatException()));
        Assert.Equal(home.Inode, Here());
    }

    [Fact]
    public void What_is_not_a_namespace_is_refused_by_name()
    {
        NetworkNamespaceException absent = Assert.Throws<NetworkNamespaceException>(() => NetworkNamespace.Open("/run/netns/no-such-pod"));
        Assert.Equal(NetworkNamespaceFailure.Absent, absent.Failure);
        Assert.Equal("open /run/netns/no-such-pod: No such file or directory", absent.Message);

        foreach (string path in new[] { "/etc/passwd", "/proc/self/ns/uts", "/proc" })
        {
            NetworkNamespaceException wrong = Assert.Throws<NetworkNamespaceException>(() => NetworkNamespace.Open(path));
            Assert.Equal(NetworkNamespaceFailure.NotANetworkNamespace, wrong.Failure);
            Assert.Equal($"{path} is not a network namespace.", wrong.Message);
        }
    }

    [Fact]
    public async Task A_pipe_that_nobody_writes_to_is_refused_at_once()
    {
        string path = Path.Combine(Path.GetTempPath(), $"ztunnel-pipe-{Environment.ProcessId}");
        using (var made = System.Diagnostics.Process.Start("mkfifo", path))
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        try
        {
            Task<NetworkNamespaceException> refused = Task.Run(() => Assert.Throws<NetworkNamespaceException>(() => NetworkNamespace.Open(path)));
            NetworkNamespaceException wrong = await refused.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
            Assert.Equal(NetworkNamespaceFailure.NotANetworkNamespace, wrong.Failure);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void A_closed_namespace_cannot_be_entered()
    {
        NetworkNamespace ns = NetworkNamespace.Create();
        ns.Dispose();

        Assert.Throws<ObjectDisposedException>(() => ns.Run(Here));
    }

    [Fact]
    public void A_namespace_closed_while_someone_is_inside_stays_open_until_they_have_left()
    {
        using NetworkNamespace other = NetworkNamespace.Create();
        using NetworkNamespace inner = NetworkNamespace.Create();
        NetworkNamespace outer = NetworkNamespace.Create();

        // The descriptor of the closed one would be the next to be given out, and coming back from inner would lead astray.
        ulong back = outer.Run(() =>
        {
            outer.Dispose();
            using NetworkNamespace taker = NetworkNamespace.Open(other.Path);
            inner.Run(Here);
            return Here();
        });

        Assert.Equal(outer.Inode, back);
        Assert.Throws<ObjectDisposedException>(() => outer.Run(Here));
    }

    [Fact]
    public async Task Connecting_and_listening_in_a_namespace_that_was_closed_are_local_failures()
    {
        NetworkNamespace ns = NetworkNamespace.Create();
        ns.Dispose();
        await Loops.OnLoop(async loop =>
        {
            IPEndPoint anywhere = new(IPAddress.Loopback, 80);
            ChannelException connecting = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                loop, ns, null, anywhere, new TcpOptions(), Loops.ConnectTimeout));
            ChannelException listening = Assert.Throws<ChannelException>(() => TcpListener.Listen(ns, anywhere, new TcpListenOptions()));

            Assert.All([connecting, listening], exception => Assert.Equal(FailureKind.Local, exception.Failure.Kind));
            Assert.All([connecting, listening], exception => Assert.Contains(ns.Path, exception.Message, StringComparison.Ordinal));
        });
    }

    [Fact]
    public async Task A_program_runs_inside_with_its_input_output_and_exit_code()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();

        ProcessResult result = await ns.RunProcess("sh", ["-c", "cat; stat -Lc %i /proc/self/ns/net >&2; exit 3"], "input");

        Assert.Equal(new ProcessResult(3, "input", $"{ns.Inode}\n"), result);
    }

    [Fact]
    public async Task A_program_that_is_absent_or_does_not_read_its_input_is_no_trouble()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();

        await Assert.ThrowsAsync<Win32Exception>(() => ns.RunProcess("no-such-program", []));
        ProcessResult result = await ns.RunProcess("true", [], new string('x', 1_000_000));
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public async Task A_cancelled_program_is_killed_with_its_children()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        using CancellationTokenSource source = new();
        string marker = $"31{Random.Shared.Next(1_000_000)}";
        Task<ProcessResult> run = ns.RunProcess("sh", ["-c", $"sleep {marker}; true"], null, source.Token);
        await Loops.OnLoop(loop => Loops.Until(loop, () => IsRunning(marker)));

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.WaitAsync(Loops.Patience));
        await Loops.OnLoop(loop => Loops.Until(loop, () => !IsRunning(marker)));
    }

    [Fact]
    public async Task Running_programs_leaves_no_thread_of_ours_inside()
    {
        using NetworkNamespace home = NetworkNamespace.OpenCurrent();
        using NetworkNamespace ns = NetworkNamespace.Create();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ns.RunProcess("true", [])));

        await Loops.OnLoop(loop => Loops.Until(loop, () => !Directory.EnumerateDirectories("/proc/self/task").Any(task => IsIn(task, ns))));
    }

    [Fact]
    public async Task Sockets_made_inside_live_there()
    {
        using NetworkNamespace ns = NetworkNamespace.Create();
        await Loops.OnLoop(async loop =>
        {
            using TcpListener inside = TcpListener.Listen(ns, new IPEndPoint(IPAddress.Any, 0), new TcpListenOptions());
            IPEndPoint address = new(IPAddress.Loopback, inside.LocalEndPoint.Port);
            TaskCompletionSource<TcpConnection> accepted = new();
            inside.Start(loop, [loop], accepted.SetResult);

            TcpConnection client = await TcpConnection.ConnectAsync(loop, ns, null, address, new TcpOptions(), Loops.ConnectTimeout);

            TcpConnection server = await accepted.Task;
            Assert.Equal(client.LocalEndPoint, server.RemoteEndPoint);
            client.Dispose();
            server.Dispose();
            ChannelException unreachable = await Assert.ThrowsAsync<ChannelException>(async () => await TcpConnection.ConnectAsync(
                loop, ns, null, new IPEndPoint(IPAddress.Parse("10.0.0.2"), 80), new TcpOptions(), Loops.ConnectTimeout));
            Assert.Equal(FailureKind.Unreachable, unreachable.Failure.Kind);
            Assert.Equal("connect to 10.0.0.2:80: Network is unreachable", unreachable.Message);
        });
    }

    private static ulong Here()
    {
        using NetworkNamespace current = NetworkNamespace.OpenCurrent();
        return current.Inode;
    }

    private static bool IsRunning(string argument) => Directory.EnumerateDirectories("/proc").Any(process =>
    {
        try
        {
            return File.ReadAllText($"{process}/cmdline") == $"sleep\0{argument}\0";
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    });

    private static bool IsIn(string task, NetworkNamespace ns)
    {
        try
        {
            return File.ResolveLinkTarget($"{task}/ns/net", returnFinalTarget: false)?.Name == $"net:[{ns.Inode}]";
        }
        catch (IOException)
        {
            return false;
        }
    }
}
