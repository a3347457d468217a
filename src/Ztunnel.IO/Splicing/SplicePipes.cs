namespace Ztunnel.IO;

/// <summary>
/// A loop's pool of pipes: borrowed while bytes are in flight, so that an idle connection owns none. Pipes unused for a
/// while are closed, half of them each second. Loop thread only.
/// </summary>
internal sealed class SplicePipes(EventLoop loop) : IDisposable
{
    /// <summary>Room of one pipe in bytes. A segment received takes a page's room however short it is.</summary>
    public const int PipeSize = 1024 * 1024;

    private static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(1);

    private readonly Stack<SplicePipe> _free = new();
    private int _leastFree;
    private bool _trimScheduled;

    /// <summary>Pipes that wait for the next borrower.</summary>
    public int Free => _free.Count;

    /// <summary>Pipes that somebody has.</summary>
    public int Borrowed { get; private set; }

    /// <summary>An empty pipe, or null when the kernel gives none.</summary>
    public SplicePipe? Borrow()
    {
        if (_free.TryPop(out SplicePipe? pipe))
            _leastFree = Math.Min(_leastFree, _free.Count);
        else
            pipe = SplicePipe.TryCreate(PipeSize);
        if (pipe is not null)
            Borrowed++;
        return pipe;
    }

    /// <summary>A pipe that another process has passed on, with bytes in it: to be returned like one that was borrowed.</summary>
    public SplicePipe Adopt(PassedPipe passed)
    {
        var pipe = SplicePipe.Adopt(passed);
        Borrowed++;
        return pipe;
    }

    /// <summary>Takes a pipe back; one that is not empty is closed, as there is no cheaper way to empty it.</summary>
    public void Return(SplicePipe pipe)
    {
        Borrowed--;
        if (pipe.Held > 0 || loop.IsStopping)
        {
            pipe.Dispose();
            return;
        }

        _free.Push(pipe);
        if (_trimScheduled)
            return;
        _trimScheduled = true;
        loop.Schedule(TrimInterval, static state => ((SplicePipes)state!).Trim(), this);
    }

    /// <summary>Closes those that nobody has; a loop that has ended lends no more.</summary>
    public void Dispose()
    {
        while (_free.TryPop(out SplicePipe? pipe))
            pipe.Dispose();
    }

    /// <summary>Closes half, rounded up, of the pipes nobody needed since the last look.</summary>
    private void Trim()
    {
        for (int drop = (_leastFree + 1) / 2; drop > 0; drop--)
            _free.Pop().Dispose();
        _leastFree = _free.Count;
        _trimScheduled = _free.Count > 0;
        if (_trimScheduled)
            loop.Schedule(TrimInterval, static state => ((SplicePipes)state!).Trim(), this);
    }
}
