using System.Net;
using Microsoft.Win32.SafeHandles;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <content>How a connection goes on in another process, which its peer does not notice.</content>
public sealed partial class TcpConnection
{
    /// <summary>
    /// Goes on with a connection that another process has passed on; <see cref="Channel.Failure"/> tells when that could not be.
    /// The handle stays the caller's. Throws <see cref="ChannelException"/> when there is no descriptor left for it. Loop
    /// thread only.
    /// </summary>
    public static TcpConnection Adopt(EventLoop loop, SafeFileHandle socket, IPEndPoint remote)
    {
        ArgumentNullException.ThrowIfNull(loop);
        ArgumentNullException.ThrowIfNull(socket);
        loop.AssertCurrent();
        var connection = new TcpConnection(loop, Descriptors.Duplicate((int)socket.DangerousGetHandle()), remote, transparent: false);
        connection.Register();
        return connection;
    }

    /// <summary>Ends both waits although nothing has happened: whoever waited looks around and may leave.</summary>
    public void Wake()
    {
        Loop.AssertCurrent();
        _readWait?.Complete();
        _writeWait?.Complete();
    }

    /// <summary>
    /// Hears nothing of the socket until <see cref="Resume"/>: what happens to it waits in the kernel for whoever goes on, an
    /// error too. Nobody may wait, read or write meanwhile.
    /// </summary>
    public void Suspend()
    {
        Loop.AssertCurrent();
        if (_slot != Nothing)
            Loop.Epoll.Withdraw(_slot, _fd);
        _slot = Nothing;
    }

    /// <summary>Goes on after <see cref="Suspend"/>, here.</summary>
    public void Resume()
    {
        Loop.AssertCurrent();
        if (_fd >= 0)
            Register();
    }

    /// <summary>The socket, to be passed to another process. Throws <see cref="ChannelException"/> when there is no descriptor left for it.</summary>
    public SafeFileHandle Share()
    {
        ObjectDisposedException.ThrowIf(_fd < 0, this);
        return new SafeFileHandle(Descriptors.Duplicate(_fd), ownsHandle: true);
    }

    /// <summary>
    /// The bytes that were received and not consumed, in a pipe, to be passed along with the socket; they stay here too. False
    /// when no pipe has room for them.
    /// </summary>
    public unsafe bool TryShareKept(out PassedPipe? pipe)
    {
        Loop.AssertCurrent();
        pipe = null;
        if (_kept is null)
            return true;
        if (SplicePipe.TryCreate(SplicePipes.PipeSize) is not { } made)
            return false;
        nint written;
        fixed (byte* bytes = _kept.Bytes.AsSpan(_keptStart))
            written = Libc.Write(made.WriteEnd, bytes, (nuint)BytesKept);
        if (written != BytesKept)
        {
            made.Dispose();
            return false;
        }

        pipe = new PassedPipe(new SafeFileHandle(made.ReadEnd, ownsHandle: true), new SafeFileHandle(made.WriteEnd, ownsHandle: true), BytesKept);
        return true;
    }

    /// <summary>Lets go of a connection that goes on in another process: its peer notices nothing.</summary>
    public void Leave()
    {
        Loop.AssertCurrent();
        if (_fd < 0)
            return;
        Suspend();
        _failure ??= new ChannelFailure(FailureKind.Closed, "passed on to another process");
        Close(reset: false);
    }
}
