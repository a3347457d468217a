using System.Globalization;

namespace Ztunnel.Lab;

/// <summary>A running record of one node's link to the fabric; <see cref="Stop"/> ends it and reads what it holds.</summary>
public sealed class PacketCapture : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private readonly LabProcess _tcpdump;

    private PacketCapture(LabProcess tcpdump, string file)
    {
        _tcpdump = tcpdump;
        File = file;
    }

    /// <summary>The pcap file, for Wireshark or <c>tcpdump -r</c>. Deleted when the capture is disposed of.</summary>
    public string File { get; }

    internal static async Task<PacketCapture> Start(LabNetwork lab, LabNode node)
    {
        string file = Path.Combine(lab.NodeNamespaceDirectory, $"{node.Name}-{Guid.NewGuid():N}.pcap");
        LabProcess tcpdump = await lab.StartOnFabric(node, new LabCommand(
            "tcpdump", "-i", lab.PortOf(node), "-n", "-p", "-U", "--immediate-mode", "-B", "65536", "-s", "0", "-Z", "root", "-w", file));
        try
        {
            await tcpdump.WaitForOutput("listening on", Patience);
            return new PacketCapture(tcpdump, file);
        }
        catch
        {
            await tcpdump.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Ends the record and reads it. Throws <see cref="LabException"/> when the kernel dropped packets on the way to it: what
    /// is missing could be what was looked for.
    /// </summary>
    public async Task<LinkTraffic> Stop()
    {
        await _tcpdump.Signal("INT");
        using var deadline = new CancellationTokenSource(Patience);
        string report = (await _tcpdump.WaitForExit(deadline.Token)).StandardError;
        string? dropped = report.Split('\n').FirstOrDefault(line => line.Contains("dropped by kernel", StringComparison.Ordinal));
        if (dropped is null || int.Parse(dropped.Split(' ')[0], CultureInfo.InvariantCulture) != 0)
            throw new LabException($"{_tcpdump}: the record is not whole: {report}");
        return LinkTraffic.Read(await System.IO.File.ReadAllBytesAsync(File));
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _tcpdump.DisposeAsync();
        System.IO.File.Delete(File);
    }
}
