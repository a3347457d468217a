using System.Net;

namespace Ztunnel.Gateway;

/// <summary>How many bytes have passed.</summary>
internal sealed class ByteCount
{
    /// <summary>Bytes so far.</summary>
    public long Bytes { get; set; }
}

/// <summary>A body whose bytes are counted while they are read.</summary>
internal sealed class CountedContent(HttpContent content, ByteCount count) : HttpContent
{
    /// <inheritdoc/>
    protected override async Task<Stream> CreateContentReadStreamAsync() => new CountedStream(await content.ReadAsStreamAsync(), count);

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => content.CopyToAsync(stream);

    /// <inheritdoc/>
    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            content.Dispose();
        base.Dispose(disposing);
    }
}
