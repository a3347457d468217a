using System.Net.Security;
using System.Security.Authentication;

namespace Ztunnel.IO.Tests;

/// <summary>What is seen of a ClientHello of somebody else's: the framework's.</summary>
public sealed class ClientHelloTests
{
    private const int RecordHeader = 5;

    [Theory]
    [InlineData("ABC.example.com", "abc.example.com", SslProtocols.Tls13)]
    [InlineData("abc.example.com", "abc.example.com", SslProtocols.Tls12)]
    [InlineData("", null, SslProtocols.Tls13)]
    [InlineData("192.0.2.1", null, SslProtocols.Tls13)]
    public async Task The_name_asked_for_is_read(string asked, string? expected, SslProtocols version)
    {
        byte[] hello = await Hello(asked, version);

        Assert.True(ClientHello.Read(hello, out string? name));
        Assert.Equal(expected, name);
    }

    [Fact]
    public async Task More_is_asked_for_until_all_of_it_is_there_and_what_follows_does_no_harm()
    {
        byte[] hello = await Hello("abc.example.com", SslProtocols.Tls13);

        for (int length = 0; length < hello.Length; length++)
            Assert.Null(ClientHello.Read(hello.AsSpan(0, length), out _));
        Assert.True(ClientHello.Read([.. hello, 1, 2, 3], out string? name));
        Assert.Equal("abc.example.com", name);
    }

    [Fact]
    public async Task It_may_come_in_several_records()
    {
        byte[] hello = await Hello("abc.example.com", SslProtocols.Tls13);
        byte[] pieces = [.. hello[RecordHeader..].Chunk(50).SelectMany(piece => (byte[])[.. hello[..3], 0, (byte)piece.Length, .. piece])];

        Assert.True(ClientHello.Read(pieces, out string? name));
        Assert.Equal("abc.example.com", name);
        Assert.Null(ClientHello.Read(pieces.AsSpan(0, pieces.Length - 1), out _));
    }

    [Fact]
    public async Task What_is_none_is_known_at_once_and_nothing_else_breaks_anything()
    {
        byte[] hello = await Hello("abc.example.com", SslProtocols.Tls13);

        Assert.False(ClientHello.Read("GET / HTTP/1.1"u8, out _));
        Assert.False(ClientHello.Read([22, 3, 1, 0, 0], out _));
        Assert.False(ClientHello.Read([22, 3, 1, 0xff, 0xff], out _));
        Assert.False(ClientHello.Read([22, 3, 1, 0, 4, 2, 0, 0, 50], out _));
        Assert.False(ClientHello.Read([22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff], out _));
        for (int index = 0; index < hello.Length; index++)
        {
            foreach (byte value in new byte[] { 0, 1, 0x7f, 0xff })
            {
                byte[] broken = [.. hello];
                broken[index] = value;
                ClientHello.Read(broken, out _);
            }
        }
    }

    /// <summary>The first flight of a client that asks for that name.</summary>
    private static async Task<byte[]> Hello(string name, SslProtocols version)
    {
        using var sent = new MemoryStream();
        await using var tls = new SslStream(new FirstFlight(sent));
        await Assert.ThrowsAnyAsync<IOException>(() => tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = name, EnabledSslProtocols = version }, TestContext.Current.CancellationToken));
        return sent.ToArray();
    }

    /// <summary>Keeps what a client sends, and ends before it is answered.</summary>
    private sealed class FirstFlight(MemoryStream sent) : Stream
    {
        private bool _answered;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            _answered = true;
            return 0;
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count)
        {
            if (!_answered)
                sent.Write(buffer, offset, count);
        }
    }
}
