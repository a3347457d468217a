using System.Globalization;
using Ztunnel.IO;
using Ztunnel.Mesh;

namespace Ztunnel.Capture;

/// <summary>
/// The rules that take a pod's TCP connections to the proxy, as text for <c>nft -f</c>: one table, replaced as a whole in one
/// transaction. What they do is what Istio's node agent does in ambient mode, in one table for IPv4 and IPv6.
/// </summary>
public static class PodRules
{
    /// <summary>The mark of connections the proxy opened to the app, within <see cref="MarkMask"/>, and of the replies to them.</summary>
    public const int ReplyMark = 0x111;

    /// <summary>The bits of a mark that are ours; the others are kept as they are.</summary>
    public const int MarkMask = 0xfff;

    /// <summary>The connection tracking zone of the original direction of connections the proxy opens.</summary>
    public const int OwnZone = 1;

    /// <summary>The table's name, of family <c>inet</c>.</summary>
    public const string Table = "ztunnel";

    /// <summary>
    /// What brings replies to a borrowed source address back to the proxy's socket, in each address family: without it they
    /// would leave the pod towards the address's owner.
    /// </summary>
    public static LocalDelivery ReplyRouting { get; } = new(ReplyMark, MarkMask, Table: 100, Priority: 32764, Protocol: 122);

    /// <summary>
    /// What connections live on that the proxy opens to the app from a borrowed address. Both ends of such a connection and
    /// of one that its client opens itself can be the same, as the kernel chooses the port by our sockets only; a tracking
    /// zone of their own keeps the two apart.
    /// </summary>
    private const string OpenedConnections = """
            chain own_zone {
                type filter hook output priority raw; policy accept;
                meta mark and $MASK == $SOCKET ct original zone set $ZONE comment "ztunnel's own connections: tracked apart, so that none is taken for one of the client whose address it borrows"
            }

            chain own_zone_looped {
                type filter hook prerouting priority raw; policy accept;
                iifname "lo" meta mark and $MASK == $SOCKET ct original zone set $ZONE comment "the same, as they arrive at the app"
            }

            chain mark_connections {
                type filter hook prerouting priority mangle; policy accept;
                ct direction original meta mark and $MASK == $SOCKET counter ct mark set ct mark and $KEEP or $REPLY comment "a connection ztunnel opened to the app: remember it, its source address may be borrowed"
            }

            chain return_replies {
                type route hook output priority mangle; policy accept;
                ct direction reply ct mark and $MASK == $REPLY counter meta mark set meta mark and $KEEP or $REPLY comment "the app's reply on such a connection: ip rule $RULE takes it to ztunnel, not out of the pod"
            }

        """;

    /// <summary>
    /// What the node's own processes open arrives from these addresses, which no route leads to: only the node, which
    /// translates the answers, can complete such a connection. Another link of the pod than the one with its default route does not count.
    /// </summary>
    private static readonly string AcceptProbes = $"""
        ip saddr {ProbeSource.IPv4} fib saddr . iif oif exists counter accept comment "the node's own processes (probes): the node's rules give them this source, nobody else gets an answer sent to it"
                ip6 saddr {ProbeSource.IPv6} fib saddr . iif oif exists counter accept comment "the node's own processes (probes): the same for IPv6"
        """;

    /// <summary>What comes in and is not HBONE.</summary>
    private const string CaptureInbound = """
        tcp flags and (fin or syn or rst or ack) == syn counter redirect to :$PLAINTEXT comment "every other TCP connection to the pod: to ztunnel's plaintext port"
        """;

    /// <summary>The rules of a pod for whose probes nothing is done in its namespace.</summary>
    public static string Install { get; } = InstallFor(ProbePath.None);

    /// <summary>
    /// Puts the table there, or anew. Only the first packet of a connection (SYN) is ever redirected: connections that were
    /// there before the rules are unknown to connection tracking, look new to it in mid-stream, and would be torn off.
    /// </summary>
    /// <param name="probes">How probes from the node are let through.</param>
    /// <param name="bypassInbound">Whether what comes in past tunnels is left alone.</param>
    public static string InstallFor(ProbePath probes, bool bypassInbound = false) => Render("""
        table inet $TABLE
        delete table inet $TABLE
        table inet $TABLE {
            comment "Made by ztunnel: takes this pod's TCP into the ambient mesh. Put back when changed."

        $OPENED
            chain outbound {
                type nat hook output priority -100; policy accept;
                oifname "lo" accept comment "loopback, and the pod talking to its own address: left alone"
                meta mark and $MASK == $SOCKET accept comment "ztunnel's own connections: never captured again"
                meta mark and $MASK == $REPLY accept comment "replies to ztunnel: on their way already"
                ip6 daddr fe80::/10 accept comment "link-local: means something on this link only, the proxy could not dial it"
                tcp flags and (fin or syn or rst or ack) == syn counter redirect to :$OUTBOUND comment "every other TCP connection the pod opens: to ztunnel's outbound port"
            }

            chain inbound {
                type nat hook prerouting priority dstnat; policy accept;
                iifname "lo" accept comment "loopback: left alone"
                meta mark and $MASK == $SOCKET accept comment "ztunnel's own connections to the app: never captured again"
                tcp dport $INBOUND accept comment "HBONE: ztunnel listens on this port itself"
                tcp dport { $OUTBOUND, $PLAINTEXT } accept comment "ztunnel's inner ports: refused in chain refuse"
                $PROBES
                $CAPTURED
            }

            chain refuse {
                type filter hook input priority filter; policy accept;
                tcp dport { $OUTBOUND, $PLAINTEXT } ct status and dnat == 0 counter reject with tcp reset comment "the inner ports take redirected connections only: nobody may use ztunnel as a relay"
            }
        }
        """
        .Replace("$PROBES", probes == ProbePath.LinkLocal ? AcceptProbes : "", StringComparison.Ordinal)
        .Replace("$CAPTURED", bypassInbound ? "" : CaptureInbound, StringComparison.Ordinal));

    /// <summary>
    /// Ends capture of new connections and keeps those under way: they live on the translation that the two empty chains keep
    /// the kernel doing, and on the way back for replies. Tunnels that cross this still open connections to the app.
    /// </summary>
    public static string Drain { get; } = Render("""
        table inet $TABLE
        delete table inet $TABLE
        table inet $TABLE {
            comment "Made by ztunnel: this pod has left the ambient mesh. Goes when its last captured connection has ended."

        $OPENED
            chain outbound {
                type nat hook output priority -100; policy accept;
            }

            chain inbound {
                type nat hook prerouting priority dstnat; policy accept;
            }
        }
        """);

    /// <summary>Takes the table away, if it is there.</summary>
    public static string Remove { get; } = Render("""
        table inet $TABLE
        delete table inet $TABLE
        """);

    /// <summary>
    /// Compares what <c>nft --stateless list table</c> shows with what it should show: null when they are the same, else the
    /// first difference, for a person.
    /// </summary>
    public static string? Difference(string expected, string actual, string table = Table)
    {
        string[] wanted = Lines(expected);
        string[] found = Lines(actual);
        int same = wanted.Zip(found).TakeWhile(pair => pair.First == pair.Second).Count();
        if (same == wanted.Length && same == found.Length)
            return null;
        if (found.Length == 0)
            return $"the table inet {table} is missing";
        return same == found.Length ? $"'{wanted[same]}' is missing at the end"
            : same == wanted.Length ? $"'{found[same]}' is too much at the end"
            : $"'{found[same]}' stands where '{wanted[same]}' should";
    }

    private static string[] Lines(string listing) => listing.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static string Render(string template) => template
        .Replace("$OPENED\n", OpenedConnections, StringComparison.Ordinal)
        .Replace("$ZONE", Number(OwnZone), StringComparison.Ordinal)
        .Replace("$TABLE", Table, StringComparison.Ordinal)
        .Replace("$MASK", Hexadecimal(MarkMask), StringComparison.Ordinal)
        .Replace("$KEEP", Hexadecimal(~MarkMask), StringComparison.Ordinal)
        .Replace("$SOCKET", Hexadecimal(CaptureContract.SocketMark), StringComparison.Ordinal)
        .Replace("$REPLY", Hexadecimal(ReplyMark), StringComparison.Ordinal)
        .Replace("$RULE", Number((int)ReplyRouting.Priority), StringComparison.Ordinal)
        .Replace("$OUTBOUND", Number(CaptureContract.OutboundPort), StringComparison.Ordinal)
        .Replace("$PLAINTEXT", Number(CaptureContract.PlaintextPort), StringComparison.Ordinal)
        .Replace("$INBOUND", Number(CaptureContract.HbonePort), StringComparison.Ordinal) + "\n";

    private static string Hexadecimal(int bits) => "0x" + bits.ToString("x", CultureInfo.InvariantCulture);

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
