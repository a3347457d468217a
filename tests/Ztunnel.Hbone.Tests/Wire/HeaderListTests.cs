using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

public sealed class HeaderListTests
{
    [Fact]
    public void Fields_are_found_by_constant_and_by_name()
    {
        var list = new HeaderList();
        list.Add(KnownHeader.Method, "CONNECT");
        list.Add("baggage", "k=v");
        list.Add("x-own", "1");
        list.Add("x-own", "2");

        Assert.Equal(KnownHeader.Baggage, list[1].Known);
        Assert.Equal("CONNECT", list.GetText(KnownHeader.Method));
        Assert.Null(list.GetText(KnownHeader.Authority));
        Assert.True(list.TryGet("baggage"u8, out ReadOnlySpan<byte> baggage));
        Assert.Equal("k=v"u8, baggage);
        Assert.True(list.TryGet("x-own"u8, out ReadOnlySpan<byte> own));
        Assert.Equal("1"u8, own);
        Assert.False(list.TryGet("x-other"u8, out _));
        Assert.False(list.TryGet(KnownHeader.None, out _));
        Assert.Equal([":method: CONNECT", "baggage: k=v", "x-own: 1", "x-own: 2"], Fields.Lines(list));
    }

    [Fact]
    public void Text_seen_before_is_the_same_string()
    {
        var list = new HeaderList();
        list.Add(new HeaderField(KnownHeader.Authority, "10.0.0.1:80"u8));
        string? first = list.GetText(KnownHeader.Authority);
        list.Clear();
        list.Add(new HeaderField(KnownHeader.Authority, "10.0.0.1:80"u8));
        Assert.Same(first, list.GetText(KnownHeader.Authority));
    }

    [Fact]
    public void Text_of_different_bytes_is_never_mixed_up()
    {
        // More values than there are slots, asked for twice.
        var list = new HeaderList();
        for (int i = 0; i < 2000; i++)
        {
            string authority = $"10.0.0.{i % 1000}:80\u00e9";
            list.Clear();
            list.Add(new HeaderField(KnownHeader.Authority, System.Text.Encoding.Latin1.GetBytes(authority)));
            Assert.Equal(authority, list.GetText(KnownHeader.Authority));
        }
    }

    [Theory]
    [InlineData("x", "a\r\nb: c")]
    [InlineData("x", "caf\u00e9")]
    [InlineData("x", " a")]
    [InlineData("baggage", "a\nb")]
    [InlineData("X-Upper", "a")]
    [InlineData("with space", "a")]
    [InlineData("caf\u00e9", "a")]
    [InlineData("", "a")]
    [InlineData(":pseudo", "a")]
    public void Our_own_fields_must_be_legal(string name, string value)
    {
        var list = new HeaderList();
        Assert.Throws<ArgumentException>(() => list.Add(name, value));
        Assert.Equal(0, list.Count);
    }

    [Fact]
    public void Every_known_name_is_found_by_its_bytes()
    {
        foreach (KnownHeader header in Enum.GetValues<KnownHeader>().Where(header => header != KnownHeader.None))
        {
            Assert.Equal(header, KnownHeaders.Find(KnownHeaders.Name(header)));
            string identifier = KnownHeaders.Text(header).Replace(":", "", StringComparison.Ordinal).Replace("-", "", StringComparison.Ordinal);
            Assert.Equal(header.ToString(), identifier, ignoreCase: true);
        }

        Assert.Equal(KnownHeader.None, KnownHeaders.Find("x-nobody-knows"u8));
        Assert.Equal(KnownHeader.None, KnownHeaders.Find([]));
    }

    [Fact]
    public void An_exceptional_section_does_not_stay_in_memory()
    {
        var list = new HeaderList();
        list.Add(KnownHeader.Baggage, new string('b', 1_000_000));
        list.Clear();
        Assert.Equal(0, list.Count);
        long before = GC.GetAllocatedBytesForCurrentThread();
        list.Add(KnownHeader.Baggage, "k=v");
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 2000);
        Assert.Equal("k=v", list.GetText(KnownHeader.Baggage));
    }
}
