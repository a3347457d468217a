using System.Text;

namespace Ztunnel.Identity.Tests;

public sealed class GrpcWireTests
{
    [Theory]
    [InlineData("plain text", "plain text")]
    [InlineData("100% ä\r\n", "100%25 %C3%A4%0D%0A")]
    public void An_error_text_survives_its_escaping(string text, string escaped)
    {
        Assert.Equal(escaped, GrpcWire.EscapeMessage(text));
        Assert.Equal(text, GrpcWire.UnescapeMessage(escaped));
    }

    [Theory]
    [InlineData("%", "%")]
    [InlineData("%4", "%4")]
    [InlineData("%zz%41", "%zzA")]
    public void A_broken_escape_is_left_as_it_is(string escaped, string text) => Assert.Equal(text, GrpcWire.UnescapeMessage(escaped));

    [Theory]
    [InlineData("5S", 5_000)]
    [InlineData("250m", 250)]
    [InlineData("2M", 120_000)]
    [InlineData("1H", 3_600_000)]
    [InlineData("3000u", 3)]
    [InlineData("4000000n", 4)]
    public void Deadlines_are_read_in_every_unit(string text, int milliseconds)
    {
        Assert.True(GrpcWire.TryParseTimeout(text, out TimeSpan timeout));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), timeout);
    }

    [Theory]
    [InlineData("")]
    [InlineData("S")]
    [InlineData("5")]
    [InlineData("5s")]
    [InlineData("-5S")]
    [InlineData("123456789S")]
    public void What_is_no_deadline_is_not_taken_for_one(string text) => Assert.False(GrpcWire.TryParseTimeout(text, out _));

    [Fact]
    public void The_longest_deadlines_have_a_form()
    {
        Assert.True(GrpcWire.TryParseTimeout("99999999H", out TimeSpan hours));
        Assert.Equal("99999999S", GrpcWire.FormatTimeout(hours));
        Assert.Equal("1m", GrpcWire.FormatTimeout(TimeSpan.Zero));
        Assert.Equal("100000S", GrpcWire.FormatTimeout(TimeSpan.FromSeconds(100_000)));
    }

    [Theory]
    [InlineData("application/grpc", true)]
    [InlineData("application/grpc+proto; charset=x", true)]
    [InlineData("application/grpc-web", false)]
    [InlineData("application/grpc+json", false)]
    [InlineData(null, false)]
    public void Only_protobuf_messages_are_spoken(string? type, bool spoken) => Assert.Equal(spoken, GrpcWire.IsGrpc(type));

    [Fact]
    public async Task A_body_is_one_whole_message()
    {
        byte[] frame = GrpcWire.Frame(new IstioCertificateRequest { Csr = "abc" });
        Assert.Equal([0, 0, 0, 0, 5, 10, 3, .. Encoding.ASCII.GetBytes("abc")], frame);
        Assert.Equal(frame[5..], await Read(frame));
        Assert.Null(await Read([]));
        Assert.Equal(GrpcStatus.Internal, await Fault(frame[..4]));
        Assert.Equal(GrpcStatus.Internal, await Fault(frame[..^1]));
        Assert.Equal(GrpcStatus.Unimplemented, await Fault([.. frame, .. frame]));
        Assert.Equal(GrpcStatus.Unimplemented, await Fault([1, .. frame[1..]]));
        Assert.Equal(GrpcStatus.ResourceExhausted, await Fault([0, 0xff, 0xff, 0xff, 0xff]));
    }

    private static async Task<byte[]?> Read(byte[] body) => await GrpcWire.ReadMessage(new MemoryStream(body), 64, TestContext.Current.CancellationToken);

    private static async Task<GrpcStatus> Fault(byte[] body) => (await Assert.ThrowsAsync<GrpcException>(() => Read(body))).Status;
}
