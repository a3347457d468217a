using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Ztunnel.Gateway;

/// <summary>
/// A connection to a backend, in clear or above its TLS, as the client sees it that sends HTTP/1.1 requests over it one after another.
/// A backend that ends it before anything of an answer has broken it off: a client that saw the end would send the request again
/// by itself, however often that is allowed. Where the connection had been of use before, or had ended before the request was
/// written, that is a <see cref="StaleConnectionException"/>. What has become another protocol is passed on as it is.
/// </summary>
/// <remarks>
/// The client begins to read, and so to watch, before it writes a request on a connection that it takes up again; on a new one it writes first.
/// </remarks>
internal sealed class RequestStream : AsyncStream, IValueTaskSource<int>
{
    private readonly Stream _connection;
    private readonly Action _finishRead;
    private ManualResetValueTaskSourceCore<int> _core;
    private ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter _awaiter;
    private Memory<byte> _buffer;
    private int _matched;
    private bool _watching;
    private bool _used;
    private bool _asked;
    private bool _ended;
    private bool _switched;
    private bool _disposed;

    /// <summary>Requests over a connection, which this owns.</summary>
    public RequestStream(Stream connection)
    {
        _connection = connection;
        _finishRead = FinishRead;
    }

    /// <inheritdoc/>
    public override bool CanWrite => true;

    private static ReadOnlySpan<byte> Switching => "HTTP/1.1 101"u8;

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_watching)
        {
            _watching = true;
            // What was written after an answer had begun was the rest of what it answers.
            if (_used)
                _asked = false;
        }

        _buffer = buffer;
        ConfiguredValueTaskAwaitable<int>.ConfiguredValueTaskAwaiter awaiter;
        try
        {
            awaiter = _connection.ReadAsync(buffer, cancellationToken).ConfigureAwait(false).GetAwaiter();
            if (awaiter.IsCompleted)
                return new ValueTask<int>(Heed(awaiter.GetResult()));
        }
        catch (IOException e) when (_asked && IsGivenUp)
        {
            throw new StaleConnectionException(e);
        }

        _core.Reset();
        short version = _core.Version;
        _awaiter = awaiter;
        awaiter.UnsafeOnCompleted(_finishRead);
        return new ValueTask<int>(this, version);
    }

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        _asked = true;
        // The end may come at the same time on another thread: either it is seen here, or there that something was asked.
        Interlocked.MemoryBarrier();
        if (_ended && !_switched)
            throw new StaleConnectionException(null);
        ValueTask writing;
        try
        {
            writing = _connection.WriteAsync(buffer, cancellationToken);
        }
        catch (IOException e) when (_watching && IsGivenUp)
        {
            throw new StaleConnectionException(e);
        }

        return writing.IsCompletedSuccessfully ? writing : FinishWrite(writing);
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken) => _connection.FlushAsync(cancellationToken);

    int IValueTaskSource<int>.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _disposed = true;
            _connection.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Whether a break now means that the backend had done with the connection.</summary>
    private bool IsGivenUp => _used && !_switched && !_disposed;

    private void FinishRead()
    {
        int count;
        try
        {
            count = Heed(_awaiter.GetResult());
        }
        catch (IOException e) when (_asked && IsGivenUp && e is not StaleConnectionException)
        {
            _core.SetException(new StaleConnectionException(e));
            return;
        }
        catch (Exception e)
        {
            _core.SetException(e);
            return;
        }

        _core.SetResult(count);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask FinishWrite(ValueTask writing)
    {
        try
        {
            await writing.ConfigureAwait(false);
        }
        catch (IOException e) when (_watching && IsGivenUp)
        {
            throw new StaleConnectionException(e);
        }
    }

    /// <summary>Takes note of what was read.</summary>
    private int Heed(int count)
    {
        if (count > 0)
        {
            if (!_switched)
                Begin(_buffer.Span[..count]);
        }
        else if (!_buffer.IsEmpty)
        {
            _ended = true;
            Interlocked.MemoryBarrier();
            if (_asked && !_switched)
                throw _used ? new StaleConnectionException(null) : new IOException("the connection ended before anything of an answer");
        }

        _buffer = default;
        return count;
    }

    /// <summary>Something of an answer has come.</summary>
    private void Begin(ReadOnlySpan<byte> bytes)
    {
        if (_asked)
            _matched = 0;
        _asked = false;
        _watching = false;
        _used = true;
        if (_matched < 0)
            return;
        int count = Math.Min(bytes.Length, Switching.Length - _matched);
        _matched = bytes[..count].SequenceEqual(Switching.Slice(_matched, count)) ? _matched + count : -1;
        _switched = _matched == Switching.Length;
    }
}
