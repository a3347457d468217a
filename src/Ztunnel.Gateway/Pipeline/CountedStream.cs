namespace Ztunnel.Gateway;

/// <summary>A body that is read, and how much of it was.</summary>
internal sealed class CountedStream(Stream body, ByteCount count) : AsyncStream
{
    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await body.ReadAsync(buffer, cancellationToken);
        count.Bytes += read;
        return read;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            body.Dispose();
        base.Dispose(disposing);
    }
}
