using System.Net.Sockets;
using System.Text;
using Ztunnel.IO;
using Ztunnel.Lab;

namespace Ztunnel.EndToEnd.Tests;

/// <summary>Open connections without a tunnel go on in the agent that takes over.</summary>
[Collection(nameof(Alone))]
public sealed class PassedConnectionTests
{
    private const double DrainSeconds = 60;
    private const int Restarts = 4;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connections_without_a_tunnel_survive_one_new_agent_after_another_and_are_logged_once_by_the_last()
    {
        await using ProcessLab lab = await Lab();
        LabProcess agent = await Start(lab);
        await Captured(lab);
        LabPod client = lab.Client, local = lab.Server, outside = lab.Network.Pod("outside");
        using PodConnection passthrough = await PodConnection.Open(client, outside), handedOver = await PodConnection.Open(client, local, local.IPv6);
        using PodConnection inbound = await PodConnection.Open(outside, local), idle = await PodConnection.Open(client, outside, outside.IPv6);
        using PodConnection halfClosed = await PodConnection.Open(client, local), echo = await PodConnection.Open(client, outside);
        using PodConnection stuck = await PodConnection.Open(client, outside);
        EndlessBulk[] bulk =
        [
            EndlessBulk.Start(passthrough.Client, passthrough.Server, 1),
            EndlessBulk.Start(passthrough.Server, passthrough.Client, 2),
            EndlessBulk.Start(handedOver.Client, handedOver.Server, 3),
            EndlessBulk.Start(handedOver.Server, handedOver.Client, 4),
            EndlessBulk.Start(inbound.Client, inbound.Server, 5),
        ];
        EndlessBulk held = await EndlessBulk.StartStuck(stuck.Server, stuck.Client, 6);
        string idleClient = idle.Client.Local().ToString(), halfClient = halfClosed.Client.Local().ToString();
        await idle.Exchange();
        await halfClosed.Client.SendText("question");
        halfClosed.Client.Shutdown(SocketShutdown.Send);
        Assert.Equal("question", await halfClosed.Server.ReceiveToEnd());

        var before = new List<string>();
        for (int restart = 0; restart < Restarts; restart++)
        {
            LabProcess next = await Start(lab);
            ProcessResult ended = await agent.WaitForExit(Stop).WaitAsync(MeshLab.Patience, Stop);
            Assert.True(ended.ExitCode == 0, ended.Output + ended.Error);
            Assert.Contains("passed 7 open connections on", ended.Output, StringComparison.Ordinal);
            Assert.Contains("0 connections were broken off", ended.Output, StringComparison.Ordinal);
            before.Add(ended.Output);
            agent = next;
            await echo.Exchange($"request {restart}", $"answer {restart}");
            foreach (EndlessBulk each in bulk)
                await each.More();
            string shown = (await NodeDiagnostics.PodState(lab.Network.Node("a"), "client")).GetRawText();
            Assert.Contains(idleClient, shown, StringComparison.Ordinal);
            Assert.Contains(halfClient, (await NodeDiagnostics.PodState(lab.Network.Node("a"), "server")).GetRawText(), StringComparison.Ordinal);
        }

        long sent = await held.Stop();
        await halfClosed.Server.SendText("answer");
        halfClosed.Server.Shutdown(SocketShutdown.Send);
        Assert.Equal("answer", await halfClosed.Client.ReceiveToEnd());
        await idle.Exchange("still", "there");
        await idle.Close();
        long[] totals = await Task.WhenAll(bulk.Select(each => each.Stop()));
        inbound.Server.Shutdown(SocketShutdown.Send);

        string Line(PodConnection connection, string direction, long bytesSent, long bytesReceived) =>
            $"src.addr={connection.Client.Local()}|direction=\"{direction}\"|bytes_sent={bytesSent} bytes_recv={bytesReceived} ";
        foreach (string line in new[]
        {
            Line(passthrough, "outbound", totals[0], totals[1]),
            Line(handedOver, "outbound", totals[2], totals[3]),
            Line(handedOver, "inbound", totals[3], totals[2]),
            Line(inbound, "inbound", 0, totals[4]),
            Line(idle, "outbound", 9, 9),
            Line(halfClosed, "outbound", 8, 6),
            Line(halfClosed, "inbound", 6, 8),
        })
        {
            string[] parts = line.Split('|');
            await Condition(agent, output => output.Split('\n').Count(logged => parts.All(part => logged.Contains(part, StringComparison.Ordinal)) && !logged.Contains("error=", StringComparison.Ordinal)) == 1, line);
            Assert.All(before, output => Assert.DoesNotContain(parts[0], output, StringComparison.Ordinal));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{totals.Sum()} bytes in flight and {sent} held over {Restarts} restarts");
    }

    [Fact]
    public async Task A_connection_that_went_on_elsewhere_is_judged_and_counted_there()
    {
        await using ProcessLab lab = await Lab();
        LabProcess first = await Start(lab, "--max-connections", "1");
        await Captured(lab);
        using PodConnection local = await PodConnection.Open(lab.Client, lab.Server);
        await local.Exchange();
        string client = local.Client.Local().ToString();

        LabProcess second = await Start(lab, "--max-connections", "1");
        await first.WaitForExit(Stop).WaitAsync(MeshLab.Patience, Stop);

        FailedConnection refused = await PodSocket.Fail(lab.Client, lab.Server.IPv4, local.Port);
        await second.WaitForOutput("TooManyConnections", MeshLab.Patience, Stop);
        Assert.Equal(SocketError.ConnectionReset, refused.Error);
        await local.Exchange("again", "too");

        lab.Write("policy.yaml", Deny);
        await Task.WhenAll(local.Client.SeesReset(), local.Server.SeesReset());
        await Condition(
            second,
            output => output.Split('\n').Count(line => line.Contains(client, StringComparison.Ordinal) && line.Contains("policy change", StringComparison.Ordinal)) == 2,
            "both ends to be cut by policy");
        Assert.DoesNotContain(client, first.Output, StringComparison.Ordinal);

        // And it is off the count again.
        File.Delete(Path.Combine(lab.Manifests, "policy.yaml"));
        await MeshLab.Eventually("a new connection to be let in", async () =>
        {
            try
            {
                using PodConnection after = await PodConnection.Open(lab.Client, lab.Server).WaitAsync(PodSocket.Promptly);
                await after.Exchange();
                return true;
            }
            catch (Exception e) when (e is SocketException or TimeoutException)
            {
                return false;
            }
        });
    }

    [Theory]
    [InlineData("dies")]
    [InlineData("refuses")]
    [InlineData("speaks version 1")]
    public async Task A_connection_that_the_new_agent_does_not_take_goes_on_in_the_old_one(string successor)
    {
        await using ProcessLab lab = await Lab();
        LabProcess agent = await Start(lab);
        await Captured(lab);
        LabPod outside = lab.Network.Pod("outside");
        using PodConnection open = await PodConnection.Open(lab.Client, outside), stuck = await PodConnection.Open(lab.Client, outside);
        EndlessBulk bulk = EndlessBulk.Start(open.Client, open.Server, 1), held = await EndlessBulk.StartStuck(stuck.Client, stuck.Server, 2);

        await Task.Run(() => Succeed(lab, successor, static () => Task.FromResult<byte[]>([])), Stop);

        await agent.WaitForOutput("stopping: waiting up to", MeshLab.Patience, Stop);
        await bulk.More();
        string client = open.Client.Local().ToString();
        long sent = await bulk.Stop();
        await held.Stop();
        open.Server.Shutdown(SocketShutdown.Send);
        stuck.Server.Shutdown(SocketShutdown.Send);
        Assert.Equal("", await open.Client.ReceiveToEnd());
        ProcessResult ended = await agent.WaitForExit(Stop).WaitAsync(MeshLab.Patience, Stop);
        Assert.Contains("0 connections were broken off", ended.Output, StringComparison.Ordinal);
        Assert.Contains(ended.Output.Split('\n'), line => line.Contains(client, StringComparison.Ordinal) && line.Contains($"bytes_sent={sent} ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_second_new_agent_is_sent_away_when_the_first_has_taken_over()
    {
        await using ProcessLab lab = await Lab();
        LabProcess agent = await Start(lab);
        await Captured(lab);
        using PodConnection open = await PodConnection.Open(lab.Client, lab.Network.Pod("outside")), other = await PodConnection.Open(lab.Client, lab.Network.Pod("outside"));
        await open.Exchange();

        Task<byte[]> sent = Task.Run(() => Succeed(lab, "refuses", meanwhile: () => Task.Run(() =>
        {
            using DescriptorSocket second = DescriptorSocket.Connect(Path.Combine(RunDirectory(lab), "upgrade.sock"), MeshLab.Patience)!;
            try
            {
                second.Send("""{"Step":"Take","Version":2,"Node":"a"}"""u8);
                return second.Receive(out _);
            }
            catch (IOException e) when (e.Message.Contains("reset", StringComparison.OrdinalIgnoreCase))
            {
                return [];
            }
        })), Stop);

        Assert.Empty(await sent.WaitAsync(PodSocket.Promptly * 5, Stop));
        Assert.False(agent.HasExited);
        await open.Exchange("still", "here");
    }

    private const string Deny = """
        apiVersion: security.istio.io/v1
        kind: AuthorizationPolicy
        metadata: {name: nobody, namespace: default}
        spec:
          action: DENY
          rules:
          - from: [{source: {principals: ["cluster.local/ns/default/sa/client"]}}]
        """;

    private static async Task<byte[]> Succeed(ProcessLab lab, string how, Func<Task<byte[]>> meanwhile)
    {
        using DescriptorSocket successor = DescriptorSocket.Connect(Path.Combine(RunDirectory(lab), "upgrade.sock"), MeshLab.Patience)!;
        int version = how == "speaks version 1" ? 1 : 2;
        successor.Send(Encoding.UTF8.GetBytes($$"""{"Step":"Take","Version":{{version}},"Node":"a"}"""));
        Hear("AllSent");
        Task<byte[]> result = meanwhile();
        successor.Send("""{"Step":"Ready"}"""u8);
        if (how == "speaks version 1")
        {
            Hear("Yielded");
            Assert.Equal("", Next(out _));
            return await result;
        }

        Assert.True(Hear("Connections") >= 4);
        if (how == "dies")
            return await result;
        successor.Send("""{"Step":"Taken","Taken":[false,false]}"""u8);
        Hear("AllPassed");
        return await result;

        int Hear(string step)
        {
            while (true)
            {
                string said = Next(out int sockets);
                Assert.False(said.Length == 0, $"the old agent ended the conversation before {step}");
                if (said.Contains($"\"Step\":\"{step}\"", StringComparison.Ordinal))
                    return sockets;
            }
        }

        string Next(out int sockets)
        {
            string said = Encoding.UTF8.GetString(successor.Receive(out IReadOnlyList<Microsoft.Win32.SafeHandles.SafeFileHandle> passed));
            sockets = passed.Count;
            foreach (Microsoft.Win32.SafeHandles.SafeFileHandle each in passed)
                each.Dispose();
            return said;
        }
    }

    private static Task Condition(LabProcess agent, Func<string, bool> met, string what) =>
        MeshLab.Eventually($"{what}; there is\n{agent.Output}", () => Task.FromResult(met(agent.Output)));

    private static Task<ProcessLab> Lab() => ProcessLab.WithoutAgents(describe =>
    {
        describe.Node("a").Pod("client").Pod("server");
        describe.Node("b").Pod("outside", "elsewhere");
    });

    private static async Task Captured(ProcessLab lab)
    {
        await lab.UntilCaptured("a", "client");
        await lab.UntilCaptured("a", "server");
    }

    private static Task<LabProcess> Start(ProcessLab lab, params string[] more) => AgentProcess.Start(
        lab.Network, "a", lab.Manifests, lab.Authority, DrainSeconds, ["--run-directory", RunDirectory(lab), .. more]);

    private static string RunDirectory(ProcessLab lab) => Path.Combine(lab.Authority, "run");
}
