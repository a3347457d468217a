using System.Net.Sockets;
using System.Text;
using Ztunnel.IO;

namespace Ztunnel.Gateway.Tests;

public sealed class FirstBytesTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("PRI * HTTP/2.0\r\n\r\n", true, true)]
    [InlineData("PROPFIND / HTTP/1.1\r\n\r\n", false, true)]
    [InlineData("\r\n\r\nGET / HTTP/1.1\r\n\r\n", false, true)]
    [InlineData("\u0016\u0003\u0001 a ClientHello", false, false)]
    [InlineData("AMOUNTOFTEXTTHATISLONGERTHANANYMETHOD", false, false)]
    public async Task Bytes_that_come_one_by_one_are_judged_like_all_at_once_and_none_is_lost(string text, bool http2, bool http)
    {
        Assert.Equal((http2, text), await AskByteByByte(text, FirstBytes.IsHttp2));
        Assert.Equal((http, text), await AskByteByByte(text, FirstBytes.IsHttp));
        Assert.Equal(http2, FirstBytes.IsHttp2(Encoding.ASCII.GetBytes(text)));
        Assert.Equal(http, FirstBytes.IsHttp(Encoding.ASCII.GetBytes(text)));
    }

    [Fact]
    public async Task Who_never_begins_is_not_listened_to_for_ever()
    {
        (bool? answer, string all) = await AskByteByByte(new string('\n', 300), FirstBytes.IsHttp);
        Assert.Null(answer);
        Assert.Equal(new string('\n', 300), all);
    }

    [Fact]
    public async Task Who_ends_before_it_can_be_told_gets_no_answer()
    {
        (bool? answer, _) = await AskByteByByte("PRI", FirstBytes.IsHttp2);
        Assert.Null(answer);
    }

    [Fact]
    public async Task Who_says_too_little_in_time_is_cut_off()
    {
        using Peer peer = await Peer.Connect();
        await peer.Socket.SendAsync("P"u8.ToArray(), Stop);
        (bool? answer, ChannelFailure? failure) = await peer.Loop.RunAsync(async () =>
        {
            (Channel channel, bool? said) = await FirstBytes.Ask(peer.Channel, TimeSpan.FromMilliseconds(50), FirstBytes.IsHttp2);
            return (said, channel.Failure);
        });
        Assert.Null(answer);
        Assert.Equal(FailureKind.TimedOut, failure?.Kind);
    }

    /// <summary>Sends each byte once the one before it was received; the answer, and all that the channel gives afterwards.</summary>
    private static async Task<(bool? Answer, string All)> AskByteByByte(string text, FirstBytes.Question question)
    {
        using Peer peer = await Peer.Connect();
        peer.Socket.NoDelay = true;
        Task<(bool? Answer, string All)> asking = peer.Loop.RunAsync(async () =>
        {
            (Channel channel, bool? answer) = await FirstBytes.Ask(peer.Channel, Patience, question);
            using var all = new MemoryStream();
            byte[] buffer = new byte[7];
            while (await channel.ReadAsync(buffer, Stop) is > 0 and int count)
                all.Write(buffer, 0, count);
            return (answer, Encoding.ASCII.GetString(all.ToArray()));
        });
        var tcp = (TcpConnection)peer.Channel;
        for (int sent = 0; sent < text.Length; sent++)
        {
            await peer.Socket.SendAsync(new[] { (byte)text[sent] }, Stop);
            await peer.Loop.RunAsync(async () =>
            {
                long start = TimeProvider.System.GetTimestamp();
                while (tcp.BytesRead <= sent)
                {
                    Assert.True(TimeProvider.System.GetElapsedTime(start) < Patience, $"byte {sent} was not read");
                    await peer.Loop.DelayAsync(TimeSpan.FromMilliseconds(1));
                }
            });
        }

        peer.Socket.Shutdown(SocketShutdown.Send);
        return await asking.WaitAsync(Patience, Stop);
    }
}
