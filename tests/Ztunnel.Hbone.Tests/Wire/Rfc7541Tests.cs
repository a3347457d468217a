using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class Rfc7541Tests
{
    // Appendix C.1: prefix bits, first byte's high bits, value, bytes.
    [Theory]
    [InlineData(5, 10, "0a")]
    [InlineData(5, 1337, "1f9a0a")]
    [InlineData(8, 42, "2a")]
    [InlineData(7, int.MaxValue, "7f80ffffff07")]
    public void Integers_are_written_and_read_as_in_appendix_C1(int prefixBits, int value, string hex)
    {
        byte[] written = new byte[HpackWriter.MaxIntegerLength];
        var writer = new HpackWriter(written, huffman: false);
        writer.WriteInteger(0, prefixBits, value);
        Assert.Equal(hex, Convert.ToHexStringLower(written.AsSpan(0, writer.Written)));

        var reader = new HpackReader(written.AsSpan(0, writer.Written));
        Assert.Null(reader.ReadInteger(prefixBits, out int read));
        Assert.Equal(value, read);
        Assert.True(reader.AtEnd);
    }

    [Theory]
    [InlineData("C.2.1")]
    [InlineData("C.2.2")]
    [InlineData("C.2.3")]
    [InlineData("C.2.4")]
    public void A_single_field_is_decoded_as_in_appendix_C2(string section)
    {
        IReadOnlyList<Rfc7541Example> examples = Rfc7541Example.Connection("C.2");
        Rfc7541Example example = examples.Single(e => string.Equals(e.Section, section, StringComparison.Ordinal));
        AssertDecodes(new HpackDecoder(4096, 4096), example);
    }

    [Theory]
    [InlineData("C.3", 4096)]
    [InlineData("C.4", 4096)]
    [InlineData("C.5", 256)]
    [InlineData("C.6", 256)]
    public void A_connection_is_decoded_as_in_appendix_C(string section, int tableSize)
    {
        var decoder = new HpackDecoder(tableSize, 4096);
        foreach (Rfc7541Example example in Rfc7541Example.Connection(section))
            AssertDecodes(decoder, example);
    }

    [Theory]
    [InlineData("C.3", 4096, false)]
    [InlineData("C.4", 4096, true)]
    [InlineData("C.5", 256, false)]
    [InlineData("C.6", 256, true)]
    public void A_connection_is_encoded_as_in_appendix_C(string section, int tableSize, bool huffman)
    {
        var encoder = new HpackEncoder(4096, huffman);
        encoder.Table.SetMaxSize(tableSize);
        foreach (Rfc7541Example example in Rfc7541Example.Connection(section))
        {
            byte[] block = Fields.Encode(encoder, Fields.List(HeaderIndexing.Incremental, example.Fields));

            // The appendix codes "307" although that takes three bytes either way; we do not.
            Assert.Equal(example.Hex.Replace("4883640eff", "4803333037", StringComparison.Ordinal), Convert.ToHexStringLower(block));
            Assert.Equal(example.Table, Fields.Lines(encoder.Table));
        }
    }

    [Fact]
    public void A_field_never_indexed_says_so_when_decoded()
    {
        var list = new HeaderList();
        Assert.Null(new HpackDecoder(4096, 4096).Decode(Convert.FromHexString(Rfc7541Example.Connection("C.2")[2].Hex), list));
        Assert.Equal(HeaderIndexing.Never, list[0].Indexing);
    }

    private static void AssertDecodes(HpackDecoder decoder, Rfc7541Example example)
    {
        Assert.Equal(example.Fields, Fields.Decode(decoder, Convert.FromHexString(example.Hex)));
        Assert.Equal(example.Table, Fields.Lines(decoder.Table));
        Assert.Equal(example.TableSize, decoder.Table.Size);
    }
}
