using System.Collections.Frozen;
using Microsoft.AspNetCore.Http;

namespace Ztunnel.Gateway;

/// <summary>
/// Headers that are meant for the next hop only because Connection names them (RFC 9110 section 7.6.1). Those that always are,
/// such as Connection itself, the server and the forwarder know.
/// </summary>
internal static class HopHeaders
{
    /// <summary>What says how far a message goes and for whom it is stays, whatever Connection names; the rest here is no header.</summary>
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Kept = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "", "close", "keep-alive", "upgrade", "connection", "host", "content-length", "transfer-encoding", "te", "trailer")
        .GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Takes out what one line of Connection names.</summary>
    public static void RemoveNamed(IHeaderDictionary headers, ReadOnlySpan<char> connection)
    {
        foreach (Range part in connection.Split(','))
        {
            ReadOnlySpan<char> name = connection[part].Trim();
            if (!Kept.Contains(name))
                headers.Remove(name.ToString());
        }
    }
}
