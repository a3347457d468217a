using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <content>What the loop's thread does: one iteration after another, and the end.</content>
public sealed partial class EventLoop
{
    private void Run()
    {
        _current = this;
        ThreadId = Libc.GetTid();
        SynchronizationContext.SetSynchronizationContext(new LoopSynchronizationContext(this));
        while (!_stopping)
        {
            int count = Sleep();
            Iteration++;
            RunEvents(count);
            RunTimers();
            RunPosted();
            RunYields();
            RunFlushes();
        }

        Stop();
    }

    private int Sleep()
    {
        _progress = (_progress + 1) & ~1L;
        _running = null;
        _runningAwaiter = null;
        if (_yields.Any || _flushes.Count > 0)
            return _epoll.Wait(0);
        int timeout = _clock.SleepMilliseconds();
        if (timeout == 0)
            return _epoll.Wait(0);
        _wakeUp.Arm();
        if (!_posted.IsEmpty || _stopping)
            timeout = 0;
        int count = _epoll.Wait(timeout);
        _wakeUp.Disarm();
        return count;
    }

    private void RunEvents(int count)
    {
        int next = 0;
        while (next < count)
        {
            try
            {
                while (next < count)
                {
                    if (_epoll.Event(next++, out uint events) is { } handler)
                    {
                        Begin(handler);
                        handler.OnEvents(events);
                        End();
                    }
                }
            }
            catch (Exception exception) when (_logger is not null)
            {
                Escaped(exception);
            }
        }
    }

    private void RunTimers()
    {
        if (!_clock.HasTimers)
            return;
        long now = _clock.Now;
        while (_clock.TakeDue(now) is { } timer)
            RunItem(new WorkItem(timer.Callback, timer.State));
    }

    private void RunPosted()
    {
        // Only what is there now: work that posts itself again must not keep events waiting.
        for (int left = _posted.Count; left > 0 && _posted.TryDequeue(out WorkItem item); left--)
            RunItem(item);
    }

    private void RunYields()
    {
        if (!_yields.Any)
            return;
        List<WorkItem> round = _yields.TakeRound();
        foreach (WorkItem item in round)
            RunItem(item);
        round.Clear();
    }

    private void RunFlushes()
    {
        if (_flushes.Count == 0)
            return;
        (_flushing, _flushes) = (_flushes, _flushing);
        IsFlushing = true;
        foreach (ILoopFlush target in _flushing)
        {
            try
            {
                Begin(target);
                target.Flush();
                End();
            }
            catch (Exception exception) when (_logger is not null)
            {
                Escaped(exception);
            }
        }

        IsFlushing = false;
        _flushing.Clear();
    }

    private void RunItem(WorkItem item)
    {
        try
        {
            Begin(item.State ?? item.Callback);
            item.Invoke();
            End();
        }
        catch (Exception exception) when (_logger is not null)
        {
            Escaped(exception);
        }
    }

    private void Begin(object work)
    {
        _running = work;
        _runningAwaiter = null;
        _progress += (_progress & 1) + 1;
    }

    private void End()
    {
        if (_scratch.AnyLent)
            ReclaimScratch();
    }

    private void ReclaimScratch()
    {
        _scratch.Reset();
        throw new InvalidOperationException("Scratch memory or a chunk was kept across an await: Consume must come before it.");
    }

    private void Escaped(Exception exception)
    {
        _scratch.Reset();
        LoopLog.ExceptionEscaped(_logger!, exception, Name, WorkName.Of(_running));
    }

    private void Stop()
    {
        // What the aborted channels wake may post, yield, wait and even connect again; work that never ends is cut off.
        int rounds = 100;
        while (rounds-- > 0 && StopAll())
        {
        }

        _stopped = true;
        Interlocked.MemoryBarrier();
        SpinWait spin = default;
        while (Volatile.Read(ref _posting) != 0)
            spin.SpinOnce();
        RunPosted();
        foreach (LoopOperation operation in _operations.ToArray())
            operation.Abandon();
        Pipes.Dispose();
        _wakeUp.Dispose();
        _clock.Dispose();
        _epoll.Dispose();
        _current = null;
    }

    /// <summary>Aborts, cancels and runs all there is; false when there was nothing.</summary>
    private bool StopAll()
    {
        bool any = !_posted.IsEmpty || _yields.Any || _flushes.Count > 0;
        foreach (IEpollHandler handler in _epoll.Handlers().Where(handler => handler != _wakeUp))
        {
            any = true;
            RunItem(new WorkItem(StopHandler, handler));
        }

        foreach (LoopTimer timer in _clock.Pending())
        {
            any = true;
            timer.Dispose();
            if (timer.State is ChannelWait delay)
                RunItem(new WorkItem(CancelDelay, delay));
        }

        RunPosted();
        RunYields();
        RunFlushes();
        return any;
    }
}
