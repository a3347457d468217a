using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class HuffmanCodeTests
{
    [Fact]
    public void Every_byte_alone_and_all_together_survive_a_round_trip()
    {
        byte[] all = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        Assert.Equal(all, RoundTrip(all));
        foreach (byte symbol in all)
            Assert.Equal([symbol, symbol, symbol], RoundTrip([symbol, symbol, symbol]));
    }

    [Fact]
    public void Any_bytes_survive_a_round_trip() =>
        Prop.ForAll(ArbMap.Default.ArbFor<byte[]>(), text => RoundTrip(text).AsSpan().SequenceEqual(text)).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff")]
    [InlineData("/", "63")]
    [InlineData("\n", "fffffff3")]
    [InlineData("\u00f9", "ffffffef")]
    public void Codes_are_those_of_appendix_B(string text, string hex) =>
        Assert.Equal(hex, Convert.ToHexStringLower(Encode(Encoding.Latin1.GetBytes(text))));

    [Theory]
    [InlineData("", "")]
    [InlineData("1f", "a")]
    [InlineData("ff", null)] // Eight bits of padding.
    [InlineData("1fff", null)] // Eleven.
    [InlineData("18", null)] // Padding of zeros.
    [InlineData("1e", null)] // Padding that ends in a zero.
    [InlineData("fffffe", null)] // A code cut off in the middle: 23 bits of 0x7ffff..., one missing.
    public void Padding_is_less_than_a_byte_of_ones(string hex, string? text)
    {
        Violation? violation = Decode(Convert.FromHexString(hex), out byte[] decoded);
        Assert.Same(text is null ? Violations.HuffmanPadding : null, violation);
        if (text is not null)
            Assert.Equal(text, Encoding.Latin1.GetString(decoded));
    }

    [Theory]
    [InlineData("fffffffc")] // The 30 bits of EOS and two more.
    [InlineData("ffffffff")]
    [InlineData("1fffffffff")] // After an a.
    public void End_of_string_inside_a_string_is_refused(string hex) =>
        Assert.Same(Violations.HuffmanEndOfString, Decode(Convert.FromHexString(hex), out _));

    [Fact]
    public void Any_bytes_decode_to_text_that_encodes_to_them_or_to_a_violation() =>
        Prop.ForAll(
            ArbMap.Default.ArbFor<byte[]>(),
            bytes => Decode(bytes, out byte[] decoded) is not null || Encode(decoded).AsSpan().SequenceEqual(bytes))
        .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));

    private static byte[] RoundTrip(byte[] text)
    {
        Assert.Null(Decode(Encode(text), out byte[] decoded));
        return decoded;
    }

    private static byte[] Encode(byte[] text)
    {
        byte[] encoded = new byte[HuffmanCode.EncodedLength(text)];
        Assert.Equal(encoded.Length, HuffmanCode.Encode(text, encoded));
        return encoded;
    }

    private static Violation? Decode(byte[] encoded, out byte[] decoded)
    {
        byte[] room = new byte[HuffmanCode.MaxDecodedLength(encoded.Length)];
        Violation? violation = HuffmanCode.Decode(encoded, room, out int written);
        decoded = room[..written];
        return violation;
    }
}
