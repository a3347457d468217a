using System.Globalization;
using System.Text.RegularExpressions;

namespace Ztunnel.Lab;

/// <summary>A running record of one node's link to the fabric; <see cref="Stop"/> ends it and reads what it holds.</summary>
public sealed partial class PacketCapture : IAsyncDisposable
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
    /// Ends the record and reads it: all that passed before the call is on it. Throws <see cref="LabException"/> when the
    /// kernel dropped packets on the way to it, since what is missing could be what was looked for.
    /// </summary>
    public async Task<LinkTraffic> Stop()
    {
        await CatchUp();
        await _tcpdump.Signal("INT");
        using var deadline = new CancellationTokenSource(Patience);
        try
        {
            await _tcpdump.WaitForExit(deadline.Token);
        }
        catch (OperationCanceledException)
        {
            throw new LabException($"{_tcpdump} does not end: {_tcpdump.Error}");
        }

        return LinkTraffic.Read(await System.IO.File.ReadAllBytesAsync(File));
    }

    /// <summary>tcpdump drops what it has not read yet when it is told to end; so ask it for its counts until none is left.</summary>
    private async Task CatchUp()
    {
        for (int asked = 1; ; asked++)
        {
            await _tcpdump.Signal("USR1");
            int reports = asked;
            await Condition.Wait(() => Counts().Count >= reports, Patience, () => $"{_tcpdump} does not answer: {_tcpdump.Error}", default);
            (int captured, int received, int dropped) = Counts()[asked - 1];
            if (dropped != 0)
                throw new LabException($"{_tcpdump}: the record is not whole, {dropped} packets were dropped");
            if (captured == received)
                return;
        }
    }

    private List<(int Captured, int Received, int Dropped)> Counts() =>
    [
        .. CountsLine().Matches(_tcpdump.Error).Select(match => (Number(match.Groups["captured"]), Number(match.Groups["received"]), Number(match.Groups["dropped"]))),
    ];

    private static int Number(Group group) => int.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"(?<captured>\d+) packets? captured, (?<received>\d+) packets? received by filter, (?<dropped>\d+) packets? dropped by kernel", RegexOptions.None, 1000)]
    private static partial Regex CountsLine();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _tcpdump.DisposeAsync();
        System.IO.File.Delete(File);
    }
}
