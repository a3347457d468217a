using System.Buffers;
using Ztunnel.IO;

namespace Ztunnel.Gateway;

/// <summary>
/// Tells what a connection speaks by how it begins. Whoever sends its first bytes one by one is waited for.
/// </summary>
internal static class FirstBytes
{
    /// <summary>Longer than any method anybody uses.</summary>
    private const int LongestMethod = 32;

    /// <summary>Who has not begun in earnest after so many bytes, blank lines say, is taken for what doubt makes of it.</summary>
    private const int MostTaken = 256;

    /// <summary>What HTTP/2 begins with and no HTTP/1 request does: its method <c>PRI</c> (RFC 9113 section 3.4).</summary>
    private static readonly byte[] Http2Start = "PRI "u8.ToArray();

    // What methods are made of (RFC 9110 section 5.6.2).
    private static readonly SearchValues<byte> Token =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    // Lenient servers take any of these between the words of a request line, and skip lines before it.
    private static readonly SearchValues<byte> Blank = SearchValues.Create(" \t\v\f"u8);

    /// <summary>Answers a question by the first bytes; null when more are needed.</summary>
    public delegate bool? Question(ReadOnlySpan<byte> bytes);

    /// <summary>
    /// Waits for as many bytes as the question needs. The channel to go on with lends them again; there is no answer when the
    /// connection ends, breaks or begins with too much that says nothing. One that is silent for too long is aborted.
    /// </summary>
    public static async ValueTask<(Channel Channel, bool? Answer)> Ask(Channel channel, TimeSpan patience, Question question, int mostTaken = MostTaken)
    {
        using LoopTimer deadline = channel.Loop.Schedule(
            patience, static state => ((Channel)state!).Abort(new ChannelFailure(FailureKind.TimedOut, "no request in time")), channel);
        byte[] taken = [];
        while (true)
        {
            switch (channel.TryRead(out Chunk chunk))
            {
                case ReadStatus.Data when taken.Length == 0 && question(chunk.Bytes) is { } known:
                    // As good as always. The bytes stay where they are.
                    channel.Consume(0);
                    return (channel, known);
                case ReadStatus.Data:
                    // A channel that keeps bytes brings no others, so these are taken out.
                    taken = [.. taken, .. chunk.Bytes];
                    channel.Consume(chunk.Length);
                    if (question(taken) is { } answer)
                        return (new StartedChannel(taken, channel), answer);
                    if (taken.Length > mostTaken)
                        return (new StartedChannel(taken, channel), null);
                    break;
                case ReadStatus.Pending:
                    await channel.WaitForReadAsync();
                    break;
                default:
                    return (channel, null);
            }
        }
    }

    /// <summary>
    /// Whether bytes begin an HTTP/1 request or HTTP/2: a method and a blank. In doubt they do: what is taken for something else
    /// is relayed past all that is said about requests.
    /// </summary>
    public static bool? IsHttp(ReadOnlySpan<byte> bytes)
    {
        bytes = bytes.TrimStart("\r\n \t\v\f"u8);
        int end = bytes.IndexOfAnyExcept(Token);
        if (end > LongestMethod || (end < 0 && bytes.Length > LongestMethod))
            return false;
        if (end < 0)
            return null;
        return end > 0 && Blank.Contains(bytes[end]);
    }

    /// <summary>Whether bytes begin HTTP/2 with prior knowledge.</summary>
    public static bool? IsHttp2(ReadOnlySpan<byte> bytes)
    {
        int common = bytes.CommonPrefixLength(Http2Start);
        return common == bytes.Length && common < Http2Start.Length ? null : common == Http2Start.Length;
    }
}
