using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <content>How bytes leave and come without passing through this process.</content>
public sealed partial class TcpConnection
{
    private const uint SpliceFlags = Constants.SpliceMove | Constants.SpliceNonBlock;

    /// <summary>Of <see cref="BytesRead"/>, those that a <see cref="Splice"/> moved on inside the kernel.</summary>
    public long BytesSpliced { get; private set; }

    /// <summary>
    /// False while bytes were read and kept, which go first, and once the peer has sent urgent data: a splice never gets
    /// past that, a read does.
    /// </summary>
    internal bool CanSplice => _kept is null && _lentLevel == Nothing && !_urgent;

    /// <summary>False while the kernel has no room for what we would send.</summary>
    internal bool MayTake => _writable;

    /// <summary>Puts up to <paramref name="limit"/> received bytes into an empty pipe.</summary>
    internal unsafe SpliceStatus GiveTo(SplicePipe pipe, int limit)
    {
        if (_ended)
            return SpliceStatus.End;
        if (_fd < 0)
            return SpliceStatus.SourceFailed;
        if (!_readable)
            return SpliceStatus.AwaitData;
        nint moved;
        do
            moved = Libc.Splice(_fd, null, pipe.WriteEnd, null, (nuint)limit, SpliceFlags);
        while (moved < 0 && Errno.Last == Errno.Interrupted);
        if (moved > 0)
        {
            // Less than asked for does not mean that the socket is drained: short segments fill a pipe with few bytes.
            pipe.Held = (int)moved;
            BytesRead += moved;
            BytesSpliced += moved;
            return SpliceStatus.Moved;
        }

        if (moved < 0 && Errno.Last is Errno.InvalidArgument or Errno.NotImplemented)
            return SpliceStatus.Unable;
        return (moved == 0 ? ReadEnded() : ReadFailed(Errno.Last)) switch
        {
            ReadStatus.End => SpliceStatus.End,
            ReadStatus.Pending => SpliceStatus.AwaitData,
            _ => SpliceStatus.SourceFailed,
        };
    }

    /// <summary>Takes what it can of a pipe's bytes and returns how many; on a broken connection the failure says why.</summary>
    internal unsafe int TakeFrom(SplicePipe pipe)
    {
        if (_writeShut)
            throw new InvalidOperationException("The writing side was shut down.");
        if (_failure is not null || !_writable)
            return 0;
        nint moved;
        do
            moved = Libc.Splice(pipe.ReadEnd, null, _fd, null, (nuint)pipe.Held, SpliceFlags);
        while (moved < 0 && Errno.Last == Errno.Interrupted);
        if (moved < 0)
        {
            _ = WriteFailed(Errno.Last, 0);
            return 0;
        }

        // As with a write: taking a part means the buffer is full, and the kernel tells of room.
        pipe.Held -= (int)moved;
        _writable = pipe.Held == 0;
        BytesWritten += moved;
        return (int)moved;
    }
}
