using Ztunnel.IO;

namespace Ztunnel.Lab.Tests;

public sealed class PacketCaptureTests
{
    private const string Marker = "plaintext-marker-4711";

    [Fact]
    public async Task Plain_traffic_between_nodes_is_seen_for_what_it_is()
    {
        await using LabNetwork lab = await LabNetworkTests.TwoNodes();
        await using PacketCapture capture = await lab.Capture("b");
        await Send(lab, 15008, Marker);
        LinkTraffic traffic = await capture.Stop();

        Assert.True(traffic.Shows(Marker));
        Assert.Equal(Marker.Length, traffic.TcpBytes);
        Assert.Contains("not TLS with port 15008", traffic.WhyNotOnlyTls(15008), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Traffic_within_a_node_is_not_on_the_link_between_nodes()
    {
        await using LabNetwork lab = await LabNetworkTests.TwoNodes();
        await using PacketCapture capture = await lab.Capture("a");
        await using LabProcess listener = await lab.Pod("near").Start("nc", "-l", "7000");
        await lab.Pod("near").WaitUntilListening(7000, listener);
        await lab.Pod("client").Exec(new LabCommand("nc", "-N", $"{lab.Pod("near").IPv4}", "7000") { Input = Marker });
        LinkTraffic traffic = await capture.Stop();

        Assert.Equal(0, traffic.TcpPackets);
        Assert.False(traffic.Shows(Marker));
        Assert.StartsWith("no TCP byte passed", traffic.WhyNotOnlyTls(15008), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tls_between_nodes_is_recognised_and_hides_what_it_carries()
    {
        await using LabNetwork lab = await LabNetworkTests.TwoNodes();
        await using PacketCapture capture = await lab.Capture("a");
        await SendThroughTls(lab, 15008, $"{Marker}{new string('x', 200_000)}");
        LinkTraffic traffic = await capture.Stop();

        Assert.Null(traffic.WhyNotOnlyTls(15008, Marker));
        Assert.True(traffic.TcpBytes > 200_000);
        Assert.True(traffic.TcpPackets <= traffic.Packets);
        Assert.Contains("not TLS with port 443", traffic.WhyNotOnlyTls(443), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_plain_connection_beside_tls_is_found()
    {
        await using LabNetwork lab = await LabNetworkTests.TwoNodes();
        await using PacketCapture capture = await lab.Capture("a");
        await SendThroughTls(lab, 15008, "secret");
        await Send(lab, 80, Marker);
        LinkTraffic traffic = await capture.Stop();

        TcpStream plain = Assert.Single(traffic.NotTlsWith(15008));
        Assert.Equal(80, plain.Destination.Port);
        Assert.Equal(lab.Pod("client").IPv4, plain.Source.Address);
    }

    private static async Task Send(LabNetwork lab, int port, string text)
    {
        await using LabProcess listener = await lab.Pod("far").Start("nc", "-l", $"{port}");
        await lab.Pod("far").WaitUntilListening(port, listener);
        await lab.Pod("client").Exec(new LabCommand("nc", "-N", $"{lab.Pod("far").IPv4}", $"{port}") { Input = text });
        await listener.WaitForExit();
    }

    private static async Task SendThroughTls(LabNetwork lab, int port, string text)
    {
        string directory = Directory.CreateTempSubdirectory("lab-tls-").FullName;
        try
        {
            ProcessResult made = await lab.Node("b").Exec(
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=far",
                "-keyout", $"{directory}/key.pem", "-out", $"{directory}/cert.pem");
            Assert.True(made.ExitCode == 0, made.Error);
            await using LabProcess server = await lab.Pod("far").Start(
                // Its standard input stays open: at the end of it s_server would end too.
                "sh", "-c", $"sleep 60 | openssl s_server -accept {port} -key {directory}/key.pem -cert {directory}/cert.pem -quiet");
            await lab.Pod("far").WaitUntilListening(port, server);
            await using LabProcess client = await lab.Pod("client").Start(
                new LabCommand("openssl", "s_client", "-connect", $"{lab.Pod("far").IPv4}:{port}", "-quiet", "-no_ign_eof") { Input = text });
            await LabNetworkTests.Until(() => server.Output.Length >= text.Length);
            Assert.Equal(text, server.Output);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
