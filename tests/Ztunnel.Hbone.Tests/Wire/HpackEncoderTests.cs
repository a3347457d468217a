using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class HpackEncoderTests
{
    [Fact]
    public void The_second_connect_to_an_authority_takes_a_byte_for_each_field()
    {
        var encoder = new HpackEncoder();
        HeaderList connect = Fields.List(
            ":method: CONNECT", ":authority: 10.0.1.7:8080", "baggage: k8s.cluster.name=Kubernetes,k8s.namespace.name=demo");
        Fields.Encode(encoder, connect);
        Assert.Equal(3, Fields.Encode(encoder, connect).Length);
    }

    [Fact]
    public void Credentials_are_never_indexed_and_traces_are_not()
    {
        var encoder = new HpackEncoder(huffman: false);
        Assert.Equal([0x1f, 0x08, 0x01, (byte)'s'], Fields.Encode(encoder, Fields.List("authorization: s")));
        Assert.Equal([0x00, 0x0b, .. "traceparent"u8, 0x01, (byte)'t'], Fields.Encode(encoder, Fields.List("traceparent: t")));
        Assert.Equal(0, encoder.Table.Count);
    }

    [Fact]
    public void A_secret_equal_to_an_indexed_value_is_still_sent_as_a_literal()
    {
        var encoder = new HpackEncoder(huffman: false);
        Fields.Encode(encoder, Fields.List(HeaderIndexing.Incremental, ["x: s"]));
        Assert.Equal([0x1f, 0x2f, 0x01, (byte)'s'], Fields.Encode(encoder, Fields.List(HeaderIndexing.Never, ["x: s"])));
    }

    [Fact]
    public void A_lowered_table_size_is_announced_before_the_next_field()
    {
        var encoder = new HpackEncoder();
        Fields.Encode(encoder, Fields.List("x: 1"));
        encoder.SetPeerTableSize(0);
        Assert.Equal([0x20, 0x82], Fields.Encode(encoder, Fields.List(":method: GET")));
        Assert.Equal(0, encoder.Table.Count);
        Assert.Equal([0x82], Fields.Encode(encoder, Fields.List(":method: GET")));
    }

    [Fact]
    public void A_size_lowered_and_raised_between_blocks_is_announced_as_both()
    {
        var encoder = new HpackEncoder();
        encoder.SetPeerTableSize(40);
        encoder.SetPeerTableSize(2048);
        Assert.Equal([0x3f, 0x09, 0x3f, 0xe1, 0x0f, 0x82], Fields.Encode(encoder, Fields.List(":method: GET")));
    }

    [Fact]
    public void A_larger_table_than_our_cap_is_not_used_nor_announced()
    {
        var encoder = new HpackEncoder();
        encoder.SetPeerTableSize(uint.MaxValue);
        Assert.Equal([0x82], Fields.Encode(encoder, Fields.List(":method: GET")));
        Assert.Equal(4096, encoder.Table.MaxSize);

        // A reduction to what is still more than we use is answered all the same.
        encoder.SetPeerTableSize(65536);
        Assert.Equal([0x3f, 0xe1, 0x1f, 0x82], Fields.Encode(encoder, Fields.List(":method: GET")));
    }

    [Fact]
    public void A_cap_below_the_default_is_announced_at_once()
    {
        Assert.Equal([0x20, 0x82], Fields.Encode(new HpackEncoder(0), Fields.List(":method: GET")));
        Assert.Equal([0x3f, 0x09, 0x82], Fields.Encode(new HpackEncoder(40), Fields.List(":method: GET")));
    }

    [Fact]
    public void A_raised_size_within_our_cap_is_taken_and_announced()
    {
        var encoder = new HpackEncoder(8192);
        encoder.SetPeerTableSize(16384);
        Assert.Equal([0x3f, 0xe1, 0x3f, 0x82], Fields.Encode(encoder, Fields.List(":method: GET")));
        Assert.Equal(8192, encoder.Table.MaxSize);
    }

    [Fact]
    public void A_field_that_would_empty_the_table_does_not_enter_it()
    {
        var encoder = new HpackEncoder();
        Fields.Encode(encoder, Fields.List("x: 1"));
        Fields.Encode(encoder, Fields.List($"baggage: {new string('b', 3500)}"));
        Assert.Equal(["x: 1"], Fields.Lines(encoder.Table));
    }

    [Fact]
    public void A_destination_that_may_be_too_small_is_refused_before_anything_is_encoded()
    {
        var encoder = new HpackEncoder();
        HeaderList list = Fields.List("x: 1");
        Assert.Throws<ArgumentException>(() => encoder.Encode(list, new byte[list.MaxEncodedLength - 1]));
        Assert.Equal(0, encoder.Table.Count);
    }
}
