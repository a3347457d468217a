using System.Text;

namespace Ztunnel.Gateway.Tests;

public sealed class RequestBodyTests
{
    private const int Most = 1000;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_was_read_to_its_end_can_be_read_again_and_again()
    {
        byte[] sent = Encoding.ASCII.GetBytes(new string('a', 400) + new string('b', 600));
        var body = new RequestBody(new Dripping(sent, 70), null, Most);
        for (int time = 0; time < 3; time++)
        {
            Assert.True(body.CanSendAgain);
            body.Rewind();
            Assert.Equal(sent, await ReadAll(body));
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData(1001L)]
    public async Task What_is_too_long_is_read_once(long? length)
    {
        byte[] sent = [.. Enumerable.Range(0, 1001).Select(i => (byte)i)];
        var body = new RequestBody(new MemoryStream(sent), length, Most);
        Assert.True(body.CanSendAgain);
        Assert.Equal(sent, await ReadAll(body));
        Assert.False(body.CanSendAgain);
    }

    [Fact]
    public async Task What_was_read_in_part_cannot_be_sent_again()
    {
        var body = new RequestBody(new Dripping(new byte[100], 50), null, Most);
        _ = await body.ReadAsync(new byte[10], Stop);
        Assert.False(body.CanSendAgain);
    }

    [Fact]
    public async Task A_copy_gets_all_of_it_however_long_it_is()
    {
        byte[] sent = [.. Enumerable.Range(0, 5000).Select(i => (byte)(i * 7))];
        var body = new RequestBody(new Dripping(sent, 333), null, Most);
        using var copy = new BodyCopy(1 << 20);
        body.CopyTo(copy);
        await ReadAll(body);
        body.Leave();
        Assert.Equal(sent, await copy.ReadAsByteArrayAsync(Stop));
    }

    [Fact]
    public async Task A_copy_that_nobody_takes_is_given_up_and_holds_up_nobody()
    {
        var body = new RequestBody(new Dripping(new byte[100_000], 1000), null, Most);
        using var copy = new BodyCopy(10_000);
        body.CopyTo(copy);
        Assert.Equal(100_000, (await ReadAll(body)).Length);
        await Assert.ThrowsAsync<HttpRequestException>(() => copy.CopyToAsync(Stream.Null, Stop));
    }

    [Fact]
    public async Task A_copy_of_what_was_left_in_the_middle_is_no_whole_copy()
    {
        var body = new RequestBody(new Dripping(new byte[100], 50), null, Most);
        using var copy = new BodyCopy(10_000);
        body.CopyTo(copy);
        _ = await body.ReadAsync(new byte[10], Stop);
        body.Leave();
        await Assert.ThrowsAsync<HttpRequestException>(() => copy.CopyToAsync(Stream.Null, Stop));
    }

    private static async Task<byte[]> ReadAll(Stream stream)
    {
        var all = new MemoryStream();
        byte[] buffer = new byte[128];
        while (await stream.ReadAsync(buffer, Stop) is > 0 and var count)
            all.Write(buffer, 0, count);
        return all.ToArray();
    }

    /// <summary>Gives little at a time.</summary>
    private sealed class Dripping(byte[] bytes, int most) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(most, buffer.Length)], cancellationToken);
    }
}
