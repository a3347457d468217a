using System.Text;

namespace Ztunnel.Hbone.Wire;

/// <summary>The HPACK static table (RFC 7541 appendix A). Indices start at 1.</summary>
internal static class StaticTable
{
    /// <summary>Number of entries; dynamic entries are indexed after it.</summary>
    public const int Count = 61;

    private static readonly KnownHeader[] Names = new KnownHeader[Count + 1];
    private static readonly byte[][] Values = new byte[Count + 1][];
    private static readonly byte[] FirstIndex = new byte[(int)KnownHeader.WwwAuthenticate + 1];

    static StaticTable()
    {
        ReadOnlySpan<string> methods = ["GET", "POST"];
        ReadOnlySpan<string> paths = ["/", "/index.html"];
        ReadOnlySpan<string> schemes = ["http", "https"];
        ReadOnlySpan<string> statuses = ["200", "204", "206", "304", "400", "404", "500"];

        // KnownHeader lists the table's names in its order; these few have values, or several.
        int index = 0;
        for (KnownHeader name = KnownHeader.Authority; name <= KnownHeader.WwwAuthenticate; name++)
        {
            ReadOnlySpan<string> values = name switch
            {
                KnownHeader.Method => methods,
                KnownHeader.Path => paths,
                KnownHeader.Scheme => schemes,
                KnownHeader.Status => statuses,
                KnownHeader.AcceptEncoding => ["gzip, deflate"],
                _ => [string.Empty],
            };
            FirstIndex[(int)name] = (byte)(index + 1);
            foreach (string value in values)
            {
                index++;
                Names[index] = name;
                Values[index] = Encoding.ASCII.GetBytes(value);
            }
        }
    }

    /// <summary>The entry at an index of 1 to <see cref="Count"/>.</summary>
    public static HeaderField Get(int index) => new(Names[index], Values[index]);

    /// <summary>The lowest index that has this name, or 0.</summary>
    public static int FindName(KnownHeader name) => (int)name < FirstIndex.Length ? FirstIndex[(int)name] : 0;

    /// <summary>The index that has this name and value, or 0.</summary>
    public static int Find(KnownHeader name, ReadOnlySpan<byte> value)
    {
        int index = FindName(name);
        if (index == 0)
            return 0;
        for (; index <= Count && Names[index] == name; index++)
        {
            if (value.SequenceEqual(Values[index]))
                return index;
        }

        return 0;
    }
}
