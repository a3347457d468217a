using System.Collections.Concurrent;

namespace Ztunnel.Telemetry;

/// <summary>
/// The one place log lines leave the process: a bounded queue and one thread that formats what is queued and writes it in
/// one write per batch. Access records and ordinary log messages share it, so their lines never run into each other.
/// Queueing never blocks: when the writer cannot keep up (a full pipe, a slow disk) lines are dropped, counted in
/// <see cref="Dropped"/>, and the count is itself logged as soon as writing goes on.
/// </summary>
public sealed class LogOutput : IDisposable
{
    // One write stays below a pipe's default capacity; a longer batch would only wait in the kernel instead of here.
    private const int BatchBytes = 60 * 1024;

    private readonly ConcurrentQueue<LogLine> _queue = new();
    private readonly Stream _stream;
    private readonly LogOutputOptions _options;
    private readonly TimeProvider _time;
    private readonly LineBuffer _buffer; // the writer thread's own
    private readonly Lock _disposing = new();
    private readonly object _wake = new();
    private readonly Thread _writer;
    private int _length;
    private bool _asleep;
    private bool _stopping;
    private long _dropped;
    private long _droppedReported;

    /// <summary>Starts the writer. The stream is not closed by <see cref="Dispose"/>; <see cref="StandardOutput"/> is the usual one.</summary>
    public LogOutput(Stream stream, LogOutputOptions? options = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        _stream = stream;
        _options = options ?? new LogOutputOptions();
        _time = time ?? TimeProvider.System;
        _buffer = new LineBuffer(_options.Format);
        _writer = new Thread(Run) { IsBackground = true, Name = "log" };
        _writer.Start();
    }

    /// <summary>Lines dropped since the start because the queue was full or the stream refused them.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>An output on the process's standard output, without a buffer in between.</summary>
    public static LogOutput StandardOutput(LogOutputOptions? options = null) => new(Console.OpenStandardOutput(), options);

    /// <summary>
    /// Writes what is queued, at most for <see cref="LogOutputOptions.DisposeTimeout"/>, and stops. Lines queued afterwards
    /// are dropped. Idempotent.
    /// </summary>
    public void Dispose()
    {
        lock (_disposing)
        {
            lock (_wake)
            {
                _stopping = true;
                Monitor.Pulse(_wake);
            }

            _writer.Join(_options.DisposeTimeout);
        }
    }

    internal void Enqueue(LogLine line)
    {
        if (Interlocked.Increment(ref _length) > _options.QueueLength || Volatile.Read(ref _stopping))
        {
            Interlocked.Decrement(ref _length);
            Interlocked.Increment(ref _dropped);
            return;
        }

        _queue.Enqueue(line);
        // Pairs with the fence in WaitForLines: either we see the writer asleep, or it sees our line.
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref _asleep))
            Wake();
    }

    private void Wake()
    {
        lock (_wake)
        {
            _asleep = false;
            Monitor.Pulse(_wake);
        }
    }

    private void Run()
    {
        using LineBuffer buffer = _buffer;
        while (true)
        {
            bool stopping = Volatile.Read(ref _stopping);
            if (WriteBatch())
                Gather();
            else if (stopping)
                return;
            else
                WaitForLines();
        }
    }

    private void WaitForLines()
    {
        lock (_wake)
        {
            _asleep = true;
            Interlocked.MemoryBarrier();
            while (_asleep && _queue.IsEmpty && !_stopping)
                Monitor.Wait(_wake);
            _asleep = false;
        }
    }

    // While lines come in fast nobody wakes us: one short sleep gathers a batch and keeps the callers free of a futex call each.
    private void Gather()
    {
        lock (_wake)
        {
            if (!_stopping && _length < _options.QueueLength / 2)
                Monitor.Wait(_wake, _options.Gather);
        }
    }

    private bool WriteBatch()
    {
        int lines = 0;
        while (_buffer.Length < BatchBytes && _queue.TryDequeue(out LogLine? line))
        {
            Interlocked.Decrement(ref _length);
            Format(line);
            lines++;
        }

        if (lines == 0)
            return false;
        long dropped = Dropped;
        if (dropped > _droppedReported)
            Format(new LogLine.Dropped(_time.GetUtcNow(), dropped - _droppedReported));
        try
        {
            _stream.Write(_buffer.Written);
            _droppedReported = dropped;
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or UnauthorizedAccessException)
        {
            // There is nobody to tell but the log itself: the next batch that gets through carries the count.
            Interlocked.Add(ref _dropped, lines);
        }
        finally
        {
            _buffer.Clear();
        }

        return true;
    }

    private void Format(LogLine line)
    {
        int start = _buffer.Length;
        try
        {
            line.Format(_buffer);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            // One value that cannot be written costs its line, not the writer.
            _buffer.Truncate(start);
            new LogLine.Unwritable(line.Time, exception).Format(_buffer);
        }
    }
}
