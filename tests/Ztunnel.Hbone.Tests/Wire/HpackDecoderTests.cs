using System.Text;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class HpackDecoderTests
{
    [Theory]
    [InlineData("ffffffffff08", nameof(Violations.HpackIntegerTooLarge))] // Just beyond 2^31-1.
    [InlineData("ffffffffffff0f", nameof(Violations.HpackIntegerTooLarge))] // Far beyond.
    [InlineData("ff80808080808000", nameof(Violations.HpackIntegerTooLarge))] // Zeros without end.
    [InlineData("ff80808008", nameof(Violations.HpackIndexInvalid))] // Large, but an integer.
    [InlineData("7fffffffffff7f", nameof(Violations.HpackIntegerTooLarge))]
    [InlineData("ff", nameof(Violations.HpackTruncated))]
    [InlineData("ff80", nameof(Violations.HpackTruncated))]
    [InlineData("00", nameof(Violations.HpackTruncated))] // A literal without its name.
    [InlineData("0003616263", nameof(Violations.HpackTruncated))] // Without its value.
    [InlineData("00046162", nameof(Violations.HpackTruncated))] // A name cut short.
    [InlineData("007f80ffffff07", nameof(Violations.HpackTruncated))] // Announcing 2 GiB.
    [InlineData("80", nameof(Violations.HpackIndexInvalid))] // Index 0.
    [InlineData("be", nameof(Violations.HpackIndexInvalid))] // 62 while the dynamic table is empty.
    [InlineData("7e0161", nameof(Violations.HpackIndexInvalid))] // The same as a name.
    [InlineData("0001610161be", nameof(Violations.HpackIndexInvalid))] // A literal without indexing does not enter.
    [InlineData("1001610161be", nameof(Violations.HpackIndexInvalid))] // Nor one never indexed.
    [InlineData("3fe21f", nameof(Violations.HpackTableSizeUpdateTooLarge))] // 4097.
    [InlineData("8220", nameof(Violations.HpackTableSizeUpdateMisplaced))]
    [InlineData("00018161ff", nameof(Violations.HpackTruncated))]
    [InlineData("000161811c", nameof(Violations.HuffmanPadding))]
    [InlineData("00016184ffffffff", nameof(Violations.HuffmanEndOfString))]
    public void A_broken_block_is_a_compression_error_of_the_connection(string hex, string violation)
    {
        Violation? found = new HpackDecoder(4096, 16384).Decode(Convert.FromHexString(hex), new HeaderList());
        Assert.Same(typeof(Violations).GetProperty(violation)!.GetValue(null), found);
        Assert.Equal(ViolationScope.Connection, found!.Scope);
        Assert.Equal(ErrorCode.CompressionError, found.Code);
    }

    [Fact]
    public void A_size_update_up_to_the_limit_is_obeyed_and_evicts()
    {
        var decoder = new HpackDecoder(4096, 16384);
        Fields.Decode(decoder, Convert.FromHexString(Rfc7541Example.Connection("C.3")[0].Hex));
        Assert.Equal(1, decoder.Table.Count);

        Assert.Equal([":method: GET"], Fields.Decode(decoder, [0x3f, 0xe1, 0x1f, 0x82]));
        Assert.Equal(1, decoder.Table.Count);

        // Down to nothing and up again, in one block: what an encoder does to empty the table.
        Assert.Equal([":method: GET"], Fields.Decode(decoder, [0x20, 0x3f, 0x09, 0x82]));
        Assert.Equal(0, decoder.Table.Count);
        Assert.Equal(40, decoder.Table.MaxSize);
    }

    [Fact]
    public void After_the_limit_was_lowered_the_next_block_must_begin_with_a_size_update()
    {
        HpackDecoder decoder = new(4096, 16384);
        decoder.SetTableSizeLimit(100);
        Assert.Same(Violations.HpackTableSizeUpdateMissing, decoder.Decode([0x82], new HeaderList()));

        decoder = new HpackDecoder(4096, 16384);
        decoder.SetTableSizeLimit(100);
        Assert.Null(decoder.Decode([0x3f, 0x45, 0x82], new HeaderList()));
        Assert.Null(decoder.Decode([0x82], new HeaderList()));
        Assert.Same(Violations.HpackTableSizeUpdateTooLarge, decoder.Decode([0x3f, 0x46], new HeaderList()));
    }

    [Fact]
    public void A_raised_limit_lets_the_peer_have_a_larger_table()
    {
        HpackDecoder decoder = new(4096, 16384);
        decoder.SetTableSizeLimit(8192);
        Assert.Equal(4096, decoder.Table.MaxSize);
        Assert.Null(decoder.Decode([0x3f, 0xe1, 0x3f], new HeaderList()));
        Assert.Equal(8192, decoder.Table.MaxSize);
    }

    [Fact]
    public void A_list_over_the_limit_is_a_stream_error_and_the_table_stays_in_step()
    {
        var decoder = new HpackDecoder(4096, 100);
        var list = new HeaderList();

        // Two fields of 34 + 32 bytes and a small one, all indexed: only the first fits 100 bytes.
        var encoder = new HpackEncoder();
        byte[] block = Fields.Encode(encoder, Fields.List($"a: {new string('1', 33)}", $"b: {new string('2', 33)}", "c: 3"));
        Violation? violation = decoder.Decode(block, list);
        Assert.Same(Violations.HeaderListTooLarge, violation);
        Assert.Equal(ViolationScope.Stream, violation!.Scope);
        Assert.Equal([$"a: {new string('1', 33)}"], Fields.Lines(list));

        Assert.Equal(["c: 3"], Fields.Decode(decoder, Fields.Encode(encoder, Fields.List("c: 3"))));
    }

    [Fact]
    public void A_decompression_bomb_costs_no_more_than_its_own_length()
    {
        // One entry that fills the table, then 60,000 references to it: 240 MB if it were all delivered.
        var decoder = new HpackDecoder(4096, 65536);
        byte[] entry = [0x40, 0x01, (byte)'x', 0x7f, 0xe0, 0x1e, .. Encoding.ASCII.GetBytes(new string('y', 4063))];
        byte[] bomb = [.. entry, .. Enumerable.Repeat((byte)0xbe, 60_000)];
        var list = new HeaderList();
        decoder.Decode(bomb, list);
        list.Clear();

        long before = GC.GetAllocatedBytesForCurrentThread();
        Violation? violation = decoder.Decode(bomb, list);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;

        Assert.Same(Violations.HeaderListTooLarge, violation);
        Assert.Equal(16, list.Count);
        Assert.InRange(allocated, 0, 400_000);
    }

    [Fact]
    public void An_entry_larger_than_the_table_empties_it_without_an_error()
    {
        var decoder = new HpackDecoder(64, 16384);
        Assert.Null(decoder.Decode([0x40, 0x01, (byte)'a', 0x01, (byte)'b'], new HeaderList()));
        Assert.Equal(1, decoder.Table.Count);
        byte[] large = [0x40, 0x01, (byte)'a', 0x20, .. new byte[32]];
        Assert.Null(decoder.Decode(large, new HeaderList()));
        Assert.Equal(0, decoder.Table.Count);
        Assert.Equal(0, decoder.Table.Size);
    }

    [Fact]
    public void A_name_taken_from_an_entry_that_its_own_insertion_evicts_is_kept()
    {
        // RFC 7541 section 4.4. Each round fills the table, then reuses the name of its oldest entry with a value that pushes
        // that entry out, at ever other places of the table's memory.
        var decoder = new HpackDecoder(200, 16384);
        for (int i = 0; i < 200; i++)
        {
            string name = $"name-{i:d4}";
            byte[] value = Encoding.ASCII.GetBytes(new string('v', 10 + (i % 7)));
            Fields.Decode(decoder, [0x40, 9, .. Encoding.ASCII.GetBytes(name), (byte)value.Length, .. value]);

            string oldest = Fields.Lines(decoder.Table)[^1][..9];
            byte[] index = [(byte)(0x40 | (61 + decoder.Table.Count))];
            if (61 + decoder.Table.Count >= 63)
                index = [0x7f, (byte)(61 + decoder.Table.Count - 63)];
            byte[] large = Encoding.ASCII.GetBytes(new string('w', 60 + (i % 11)));
            string line = Assert.Single(Fields.Decode(decoder, [.. index, (byte)large.Length, .. large]));
            Assert.Equal(oldest, line[..9]);
            Assert.Equal(oldest, Fields.Lines(decoder.Table)[0][..9]);
        }
    }

    [Fact]
    public void A_repeated_connect_is_decoded_without_allocating()
    {
        var encoder = new HpackEncoder();
        var decoder = new HpackDecoder(4096, 16384);
        HeaderList connect = Fields.List(
            ":method: CONNECT",
            ":authority: 10.0.1.7:8080",
            "baggage: k8s.pod.name=client-7f9c",
            "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        byte[] block = new byte[connect.MaxEncodedLength];
        var list = new HeaderList();
        string? authority = null;

        long before = 0;
        for (int i = 0; i < 200; i++)
        {
            if (i == 100)
                before = GC.GetAllocatedBytesForCurrentThread();
            int length = encoder.Encode(connect, block);
            list.Clear();
            Violation? violation = decoder.Decode(block.AsSpan(0, length), list);
            string? text = list.GetText(KnownHeader.Authority);
            violation ??= HeaderRules.CheckRequest(list, out _);
            if (violation is not null || (i > 0 && !ReferenceEquals(text, authority)))
                Assert.Fail("not the CONNECT that was sent");
            authority = text;
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal("10.0.1.7:8080", authority);
    }
}
