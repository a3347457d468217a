using System.Buffers;
using System.IO.Pipelines;
using System.Net;

namespace Ztunnel.Gateway;

/// <summary>
/// The copy of a request's body that a mirror gets. Whoever writes to it never waits: a mirror that does not keep up, or has gone,
/// loses its copy.
/// </summary>
internal sealed class BodyCopy(int most) : HttpContent
{
    private readonly Pipe _pipe = new(new PipeOptions(pauseWriterThreshold: 0, useSynchronizationContext: false));
    private long _waiting;
    private bool _over;

    /// <summary>Adds to the copy.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (_over)
            return;
        if (Interlocked.Add(ref _waiting, bytes.Length) > most)
        {
            End(complete: false);
            return;
        }

        _pipe.Writer.Write(bytes);
        // Does not wait, as there is no threshold.
        if (_pipe.Writer.FlushAsync().Result.IsCompleted)
            _over = true;
    }

    /// <summary>Nothing follows: the mirror has all of it, or is broken off.</summary>
    public void End(bool complete)
    {
        if (_over)
            return;
        _over = true;
        _pipe.Writer.Complete(complete ? null : new IOException("the copy of the request's body was given up"));
    }

    /// <inheritdoc/>
    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    /// <inheritdoc/>
    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        while (true)
        {
            ReadResult read = await _pipe.Reader.ReadAsync(cancellationToken);
            foreach (ReadOnlyMemory<byte> part in read.Buffer)
                await stream.WriteAsync(part, cancellationToken);
            Interlocked.Add(ref _waiting, -read.Buffer.Length);
            _pipe.Reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted)
                return;
            await stream.FlushAsync(cancellationToken);
        }
    }

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
            _pipe.Reader.Complete();
        base.Dispose(disposing);
    }
}
