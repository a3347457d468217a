using System.Text;

namespace Ztunnel.Hbone.Wire;

/// <summary>The names behind <see cref="KnownHeader"/>.</summary>
public static class KnownHeaders
{
    // In the order of the enum, from KnownHeader.Authority on.
    private static readonly string[] Texts =
    [
        string.Empty,
        ":authority", ":method", ":path", ":scheme", ":status", "accept-charset", "accept-encoding", "accept-language",
        "accept-ranges", "accept", "access-control-allow-origin", "age", "allow", "authorization", "cache-control",
        "content-disposition", "content-encoding", "content-language", "content-length", "content-location",
        "content-range", "content-type", "cookie", "date", "etag", "expect", "expires", "from", "host", "if-match",
        "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "last-modified", "link", "location",
        "max-forwards", "proxy-authenticate", "proxy-authorization", "range", "referer", "refresh", "retry-after",
        "server", "set-cookie", "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via",
        "www-authenticate", ":protocol", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade",
        "baggage", "forwarded", "traceparent", "tracestate", "x-b3-sampled", "x-b3-spanid", "x-b3-traceid",
        "x-envoy-original-dst-host", "x-envoy-peer-metadata", "x-envoy-peer-metadata-id", "x-forwarded-client-cert",
        "x-forwarded-for", "x-forwarded-host", "x-forwarded-network", "x-forwarded-proto", "x-istio-source",
        "x-request-id", "proxy-status",    ];

    private static readonly byte[][] Names = Array.ConvertAll(Texts, Encoding.ASCII.GetBytes);

    // Open addressing; at most a third full, so a lookup compares one or two names.
    private const int SlotMask = 255;
    private static readonly KnownHeader[] Slots = FillSlots();

    /// <summary>The name's bytes, lower case; empty for <see cref="KnownHeader.None"/>.</summary>
    public static ReadOnlySpan<byte> Name(KnownHeader header) => Names[(int)header];

    /// <summary>The name as a shared string; empty for <see cref="KnownHeader.None"/>.</summary>
    public static string Text(KnownHeader header) => Texts[(int)header];

    /// <summary>
    /// The constant for a name, compared byte for byte (names on the wire are lower case), or <see
    /// cref="KnownHeader.None"/>.
    /// </summary>
    public static KnownHeader Find(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty)
            return KnownHeader.None;
        for (int slot = SlotOf(name); Slots[slot] is not KnownHeader.None and KnownHeader candidate; slot = (slot + 1) & SlotMask)
        {
            if (name.SequenceEqual(Names[(int)candidate]))
                return candidate;
        }

        return KnownHeader.None;
    }

    /// <summary>How a field of that name is carried when the sender does not say.</summary>
    internal static HeaderIndexing DefaultIndexing(KnownHeader header) => header switch
    {
        KnownHeader.Authorization or KnownHeader.ProxyAuthorization or KnownHeader.Cookie or KnownHeader.SetCookie
            => HeaderIndexing.Never,

        // Values that hardly ever come twice would only push useful ones out of the table.
        KnownHeader.Path or KnownHeader.Age or KnownHeader.ContentLength or KnownHeader.ContentRange or KnownHeader.Date
            or KnownHeader.ETag or KnownHeader.Expires or KnownHeader.IfModifiedSince or KnownHeader.IfNoneMatch
            or KnownHeader.LastModified or KnownHeader.Location or KnownHeader.Traceparent or KnownHeader.Tracestate
            or KnownHeader.XB3SpanId or KnownHeader.XB3TraceId or KnownHeader.XRequestId => HeaderIndexing.None,
        _ => HeaderIndexing.Incremental,
    };

    private static int SlotOf(ReadOnlySpan<byte> name) =>
        (name.Length + name[0] + name[^1] * 7 + name[name.Length / 2] * 37) & SlotMask;

    private static KnownHeader[] FillSlots()
    {
        var slots = new KnownHeader[SlotMask + 1];
        for (int i = 1; i < Names.Length; i++)
        {
            int slot = SlotOf(Names[i]);
            while (slots[slot] != KnownHeader.None)
                slot = (slot + 1) & SlotMask;
            slots[slot] = (KnownHeader)i;
        }

        return slots;
    }
}
