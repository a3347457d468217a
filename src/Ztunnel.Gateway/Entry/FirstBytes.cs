using System.Buffers;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// Tells HTTP from anything else by how a connection begins, where the service does not say what is spoken. In doubt it is
/// HTTP: what is taken for something else is relayed past all that is said about requests.
/// </summary>
internal static class FirstBytes
{
    /// <summary>Longer than any method anybody uses.</summary>
    private const int LongestMethod = 32;

    private static readonly TimeSpan NextByte = TimeSpan.FromMilliseconds(5);

    // What methods are made of (RFC 9110 section 5.6.2).
    private static readonly SearchValues<byte> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    // Lenient servers take any of these between the words of a request line, and skip lines before it.
    private static readonly SearchValues<byte> Blank = SearchValues.Create(" \t\v\f"u8);

    /// <summary>Waits for enough of the first bytes, and leaves them where they are. A connection that ends or breaks first is taken for HTTP.</summary>
    public static async ValueTask<bool> MayBeHttp(Channel channel, TimeSpan patience)
    {
        using LoopTimer deadline = channel.Loop.Schedule(
            patience, static state => ((Channel)state!).Abort(new ChannelFailure(FailureKind.TimedOut, "no first byte in time")), channel);
        while (true)
        {
            switch (channel.TryRead(out Chunk chunk))
            {
                case ReadStatus.Data:
                    bool? answer = Judge(chunk.Bytes);
                    channel.Consume(0);
                    if (answer is { } known)
                        return known;
                    await channel.Loop.DelayAsync(NextByte);
                    break;
                case ReadStatus.Pending:
                    await channel.WaitForReadAsync();
                    break;
                default:
                    return true;
            }
        }
    }

    /// <summary>Whether bytes begin a request: a method and a blank. Null when more are needed.</summary>
    internal static bool? Judge(ReadOnlySpan<byte> bytes)
    {
        bytes = bytes.TrimStart("\r\n \t\v\f"u8);
        int end = bytes.IndexOfAnyExcept(Token);
        if (end > LongestMethod || (end < 0 && bytes.Length > LongestMethod))
            return false;
        if (end < 0)
            return null;
        return end > 0 && Blank.Contains(bytes[end]);
    }
}
