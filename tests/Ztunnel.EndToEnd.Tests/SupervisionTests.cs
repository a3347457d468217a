using System.Collections.Immutable;
using System.Net.Sockets;
using System.Text;
using Ztunnel.IO;
using Ztunnel.Lab;
using Ztunnel.Testing;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>What the program tells those who run it: systemd, and a DaemonSet's kubelet.</summary>
public sealed class SupervisionTests
{
    [Fact]
    public async Task An_agent_that_was_followed_stays_until_it_is_stopped_and_each_has_a_ready_file_of_its_own()
    {
        await using ProcessLab lab = await ProcessLab.WithoutAgents();
        string run = Path.Combine(lab.Authority, "run");
        string oldFile = Path.Combine(lab.Authority, "old");
        string newFile = Path.Combine(lab.Authority, "new");
        // Left behind by one that was killed.
        await File.WriteAllTextAsync(newFile, "", TestContext.Current.CancellationToken);
        LabProcess before = await Start(oldFile);
        await Eventually.Holds(() => File.Exists(oldFile));

        LabProcess after = await Start(newFile);
        await before.WaitForOutput("connections were broken off", MeshLab.Patience, TestContext.Current.CancellationToken);
        await Eventually.Holds(() => File.Exists(newFile));

        // It is not waited for that nothing happens: the one that follows next would meet it at the door if it had come back.
        LabProcess last = await Start(Path.Combine(lab.Authority, "last"));
        await after.WaitForOutput("connections were broken off", MeshLab.Patience, TestContext.Current.CancellationToken);
        Assert.False(before.HasExited);
        Assert.False(after.HasExited);
        foreach (LabProcess agent in new[] { before, after, last })
        {
            await agent.Signal("TERM");
            ProcessResult ended = await agent.WaitForExit(TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken);
            Assert.True(ended.ExitCode == 0, ended.Output + ended.Error);
        }

        Assert.False(File.Exists(oldFile));
        Assert.False(File.Exists(newFile));

        Task<LabProcess> Start(string readyFile) => AgentProcess.Start(
            lab.Network, "a", lab.Manifests, lab.Authority, drainSeconds: 1, "--run-directory", run, "--wait-when-succeeded", "--ready-file", readyFile);
    }

    [Fact]
    public async Task Systemd_hears_that_an_agent_serves_lives_and_stops()
    {
        await using ProcessLab lab = await ProcessLab.WithoutAgents();
        string path = Path.Combine(lab.Authority, "notify");
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        systemd.Bind(new UnixDomainSocketEndPoint(path));
        LabCommand command = AgentProcess.Command("--node", "a", "--manifests", lab.Manifests, "--ca-directory", lab.Authority, "--workers", "1") with
        {
            Environment = ImmutableDictionary<string, string>.Empty.Add("NOTIFY_SOCKET", path).Add("WATCHDOG_USEC", "200000"),
        };

        LabProcess agent = await lab.Network.Node("a").Start(command);
        Assert.Equal("READY=1\nSTATUS=agent of node a", await Hear());
        for (int beat = 0; beat < 3; beat++)
            Assert.Equal("WATCHDOG=1", await Hear());
        await agent.Signal("TERM");
        string last = await Hear();
        while (last == "WATCHDOG=1")
            last = await Hear();

        Assert.Equal("STOPPING=1\nSTATUS=waiting for open connections", last);
        Assert.Equal(0, (await agent.WaitForExit(TestContext.Current.CancellationToken).WaitAsync(MeshLab.Patience, TestContext.Current.CancellationToken)).ExitCode);

        async Task<string> Hear()
        {
            byte[] message = new byte[4096];
            int length = await systemd.ReceiveAsync(message, TestContext.Current.CancellationToken).AsTask().WaitAsync(MeshLab.Patience);
            return Encoding.UTF8.GetString(message, 0, length);
        }
    }
}
