namespace Ztunnel.IO;

/// <summary>
/// Moves bytes from one TCP connection to another of the same loop inside the kernel (<c>splice(2)</c>): nothing is copied
/// to this process and back. Worth its two calls only when much is moved at once; a short message is quicker read and
/// written. May take turns with <see cref="Channel.TryRead"/> and <see cref="Channel.TryWrite"/> whenever
/// <see cref="InFlight"/> is 0. Loop thread only.
/// </summary>
public sealed class Splice
{
    private readonly TcpConnection _source;
    private readonly TcpConnection _destination;
    private SplicePipe? _pipe;
    private int _counted;

    /// <summary>One direction between two connections of one loop; both stay the caller's.</summary>
    public Splice(TcpConnection source, TcpConnection destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        if (source.Loop != destination.Loop)
            throw new ArgumentException("Both connections must be of one loop.", nameof(destination));
        _source = source;
        _destination = destination;
    }

    /// <summary>
    /// The same, with bytes in flight that another process took from the source. The pipe stays the caller's. Throws
    /// <see cref="ChannelException"/> when there is no descriptor left for it.
    /// </summary>
    public Splice(TcpConnection source, TcpConnection destination, PassedPipe inFlight)
        : this(source, destination)
    {
        ArgumentNullException.ThrowIfNull(inFlight);
        _pipe = source.Loop.Pipes.Adopt(inFlight);
    }

    /// <summary>Bytes taken from the source and not yet by the destination: in a pipe, which is borrowed for as long.</summary>
    public int InFlight => _pipe?.Held ?? 0;

    /// <summary>
    /// Moves up to <paramref name="limit"/> bytes that the source has now; <paramref name="moved"/> says how many the
    /// destination took. What it did not take stays in flight and goes first the next time.
    /// </summary>
    public SpliceStatus Move(int limit, out int moved)
    {
        _source.Loop.AssertCurrent();
        moved = 0;
        if (_pipe is null)
        {
            SpliceStatus taken = Take(limit);
            if (taken != SpliceStatus.Moved)
                return taken;
        }

        moved = _destination.TakeFrom(_pipe!);
        CountInFlight();
        if (_destination.Failure is not null)
            return SpliceStatus.DestinationFailed;
        if (_pipe!.Held > 0)
            return SpliceStatus.AwaitRoom;
        GiveBack();
        return SpliceStatus.Moved;
    }

    /// <summary>Lets go of what is in flight and of its pipe: to be called when no more is moved.</summary>
    public void Discard()
    {
        if (_pipe is not null)
            GiveBack();
        CountInFlight();
    }

    /// <summary>
    /// What is in flight, to be passed to another process; it stays here too, for whichever goes on. Null when nothing is. Throws
    /// <see cref="ChannelException"/> when there is no descriptor left for it.
    /// </summary>
    public PassedPipe? Share() => _pipe?.Share();

    private void CountInFlight()
    {
        int inFlight = InFlight;
        if (inFlight != _counted)
            _source.Account?.Add(inFlight - _counted);
        _counted = inFlight;
    }

    private SpliceStatus Take(int limit)
    {
        if (_destination.Failure is not null)
            return SpliceStatus.DestinationFailed;
        if (!_destination.MayTake)
            return SpliceStatus.AwaitRoom;
        if (!_source.CanSplice || _source.Loop.Pipes.Borrow() is not { } pipe)
            return SpliceStatus.Unable;
        _pipe = pipe;
        SpliceStatus status = _source.GiveTo(pipe, limit);
        if (status != SpliceStatus.Moved)
            GiveBack();
        return status;
    }

    private void GiveBack()
    {
        _source.Loop.Pipes.Return(_pipe!);
        _pipe = null;
    }
}
