using System.Net;
using System.Net.Sockets;

namespace Ztunnel.Capture;

/// <summary>
/// The rules in the node's own namespace that give its processes' connections to enrolled pods the source address
/// <see cref="ProbeSource"/>, as text for <c>nft -f</c>: one table, changed in one transaction.
/// </summary>
public static class NodeRules
{
    /// <summary>The table's name, of family <c>inet</c>.</summary>
    public const string Table = "ztunnel_host";

    /// <summary>Takes the table away, if it is there.</summary>
    public static string Remove { get; } = $"table inet {Table}\ndelete table inet {Table}\n";

    /// <summary>
    /// Puts the rules there, or anew, for some pods. Only the first packet of a connection (SYN) is translated: what was open
    /// before the rules looks new to connection tracking in mid-stream, and would be torn off.
    /// </summary>
    /// <param name="pods">The pods' addresses.</param>
    /// <param name="complete">Whether there are no others; else pods that are there, as an agent before this one left them, stay.</param>
    public static string Install(IEnumerable<IPAddress> pods, bool complete)
    {
        ILookup<AddressFamily, IPAddress> byFamily = pods.Distinct().ToLookup(pod => pod.AddressFamily);
        return $$"""
            table inet {{Table}} {
                comment "Made by ztunnel: tells this node's own connections to its ambient pods (probes) from everybody else's."
                set pods4 { type ipv4_addr; comment "ambient pods of this node"; }
                set pods6 { type ipv6_addr; comment "ambient pods of this node"; }
                chain probes {
                    type nat hook postrouting priority srcnat - 1; policy accept;
                }
                chain impostors {
                    type filter hook prerouting priority raw; policy accept;
                }
            }
            flush chain inet {{Table}} probes
            flush chain inet {{Table}} impostors
            {{(complete ? $"flush set inet {Table} pods4\nflush set inet {Table} pods6" : "")}}
            table inet {{Table}} {
                chain probes {
                    meta skuid 0 tcp flags and (fin or syn or rst or ack) == syn ip daddr @pods4 counter snat ip to {{ProbeSource.IPv4}} comment "opened by a root process of this node, such as the kubelet"
                    meta skuid 0 tcp flags and (fin or syn or rst or ack) == syn ip6 daddr @pods6 counter snat ip6 to {{ProbeSource.IPv6}} comment "opened by a root process of this node, such as the kubelet"
                }
                chain impostors {
                    ip saddr {{ProbeSource.IPv4}} counter drop comment "only this node's own processes have this source, and they do not come in from outside"
                    ip6 saddr {{ProbeSource.IPv6}} counter drop comment "only this node's own processes have this source, and they do not come in from outside"
                }
            }
            {{Elements("pods4", byFamily[AddressFamily.InterNetwork])}}
            {{Elements("pods6", byFamily[AddressFamily.InterNetworkV6])}}

            """;
    }

    private static string Elements(string set, IEnumerable<IPAddress> pods)
    {
        string all = string.Join(", ", pods);
        return all.Length == 0 ? "" : $"add element inet {Table} {set} {{ {all} }}";
    }
}
