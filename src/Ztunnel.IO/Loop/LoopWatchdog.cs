using System.Diagnostics;
using Microsoft.Extensions.Logging;

namespace Ztunnel.IO;

/// <summary>
/// Finds a loop that is stuck in one piece of work, which stalls every connection on it, and logs the place: the method that
/// blocks and what its thread waits for in the kernel. One line when it is found, one when the loop goes on.
/// </summary>
public sealed class LoopWatchdog : IDisposable
{
    /// <summary>The threshold when none is given: well above any honest piece of work, well below what people call hung.</summary>
    public static readonly TimeSpan DefaultThreshold = TimeSpan.FromMilliseconds(250);

    private const int LooksPerThreshold = 4;

    private readonly Watch[] _watches;
    private readonly TimeSpan _threshold;
    private readonly ILogger _logger;
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _thread;

    /// <summary>Begins to watch <paramref name="loops"/> from a thread of its own.</summary>
    /// <param name="loops">The loops to watch; they may stop before the watchdog does.</param>
    /// <param name="logger">Where blockages are reported.</param>
    /// <param name="threshold">How long one piece of work may take; null for <see cref="DefaultThreshold"/>.</param>
    public LoopWatchdog(IReadOnlyList<EventLoop> loops, ILogger logger, TimeSpan? threshold = null)
    {
        ArgumentNullException.ThrowIfNull(loops);
        ArgumentNullException.ThrowIfNull(logger);
        _threshold = threshold ?? DefaultThreshold;
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(_threshold, TimeSpan.Zero, nameof(threshold));
        _watches = [.. loops.Select(loop => new Watch(loop))];
        _logger = logger;
        _thread = new Thread(Run) { IsBackground = true, Name = "watchdog" };
        _thread.UnsafeStart();
    }

    /// <summary>Stops watching.</summary>
    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _end.Dispose();
    }

    private void Run()
    {
        TimeSpan interval = _threshold / LooksPerThreshold;
        long last = Stopwatch.GetTimestamp();
        while (!_end.Wait(interval))
        {
            long now = Stopwatch.GetTimestamp();

            // When we were held up ourselves, by a collection or a busy machine, so may the loops have been: start afresh.
            bool late = Stopwatch.GetElapsedTime(last, now) > _threshold;
            last = now;
            foreach (Watch watch in _watches)
                Look(watch, now, late);
        }
    }

    private void Look(Watch watch, long now, bool late)
    {
        long progress = watch.Loop.Progress;
        bool stuck = progress == watch.Progress && (progress & 1) == 1;
        if (!stuck)
        {
            if (watch.Place is { } place)
                LoopLog.Unblocked(_logger, watch.Loop.Name, Milliseconds(watch.Since, now), place);
            watch.Begin(progress, now);
        }
        else if (watch.Place is null && late)
        {
            watch.Begin(progress, now);
        }
        else if (watch.Place is null && Stopwatch.GetElapsedTime(watch.Since, now) >= _threshold)
        {
            watch.Place = WorkName.Of(watch.Loop.Running, watch.Loop.RunningAwaiter);
            LoopLog.Blocked(
                _logger, watch.Loop.Name, Milliseconds(watch.Since, now), watch.Place, KernelWait.Describe(watch.Loop.ThreadId));
        }
    }

    private static long Milliseconds(long start, long end) => (long)Stopwatch.GetElapsedTime(start, end).TotalMilliseconds;

    private sealed class Watch(EventLoop loop)
    {
        public EventLoop Loop => loop;

        public long Progress { get; private set; }

        public long Since { get; private set; }

        /// <summary>Where the loop is blocked, once that has been reported.</summary>
        public string? Place { get; set; }

        public void Begin(long progress, long now)
        {
            Progress = progress;
            Since = now;
            Place = null;
        }
    }
}
