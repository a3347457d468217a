using System.Text;
using Ztunnel.Hbone.Wire;

namespace Ztunnel.Hbone.Tests.Wire;

/// <summary>Field sections as text, for building and comparing: <c>name: value</c>, characters standing for bytes.</summary>
internal static class Fields
{
    public static HeaderList List(params IEnumerable<string> lines) => List(HeaderIndexing.Default, lines);

    public static HeaderList List(HeaderIndexing indexing, IEnumerable<string> lines)
    {
        var list = new HeaderList();
        foreach (string line in lines)
        {
            // The first character may be a pseudo-header's colon.
            int colon = line.IndexOf(':', 1);
            byte[] name = Encoding.Latin1.GetBytes(line[..colon]);
            byte[] value = Encoding.Latin1.GetBytes(line[(colon + 1)..].StartsWith(' ') ? line[(colon + 2)..] : line[(colon + 1)..]);
            list.Add(new HeaderField(name, value, indexing));
        }

        return list;
    }

    public static string[] Lines(HeaderList list) => [.. Enumerable.Range(0, list.Count).Select(i => Line(list[i]))];

    public static string[] Lines(DynamicTable table) => [.. Enumerable.Range(0, table.Count).Select(i => Line(table[i]))];

    public static byte[] Encode(HpackEncoder encoder, HeaderList list)
    {
        byte[] destination = new byte[list.MaxEncodedLength];
        return destination[..encoder.Encode(list, destination)];
    }

    public static string[] Decode(HpackDecoder decoder, ReadOnlySpan<byte> block)
    {
        var list = new HeaderList();
        Assert.Null(decoder.Decode(block, list));
        return Lines(list);
    }

    private static string Line(HeaderField field) =>
        $"{Encoding.Latin1.GetString(field.Name)}: {Encoding.Latin1.GetString(field.Value)}";
}
