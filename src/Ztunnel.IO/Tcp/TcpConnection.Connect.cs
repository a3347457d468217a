using System.Net;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <content>How a connection is opened, and where a captured one was going.</content>
public sealed partial class TcpConnection
{
    /// <summary>
    /// Opens a connection from a socket made inside <paramref name="ns"/>. Throws <see cref="ChannelException"/> with
    /// <see cref="FailureKind.Refused"/>, <see cref="FailureKind.Unreachable"/>, <see cref="FailureKind.TimedOut"/> or
    /// <see cref="FailureKind.Local"/>. Loop thread only.
    /// </summary>
    /// <param name="loop">The loop the connection will live on.</param>
    /// <param name="ns">The network namespace to connect from; null for the process's own.</param>
    /// <param name="source">The address to connect from; null lets the kernel choose. Port 0 likewise.</param>
    /// <param name="destination">Where to.</param>
    /// <param name="options">Socket options; <see cref="TcpOptions.Transparent"/> allows a foreign <paramref name="source"/>.</param>
    /// <param name="timeout">How long to wait for the peer's answer; <see cref="Timeout.InfiniteTimeSpan"/> for the kernel's own patience.</param>
    /// <param name="cancellationToken">Gives up with <see cref="OperationCanceledException"/>.</param>
    public static async ValueTask<TcpConnection> ConnectAsync(
        EventLoop loop,
        NetworkNamespace? ns,
        IPEndPoint? source,
        IPEndPoint destination,
        TcpOptions options,
        TimeSpan timeout,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(loop);
        ArgumentNullException.ThrowIfNull(destination);
        ArgumentNullException.ThrowIfNull(options);
        loop.AssertCurrent();
        cancellationToken.ThrowIfCancellationRequested();
        int fd = TcpSocket.Open(ns, destination.Address, options);
        TcpConnection connection = new(loop, fd, destination, transparent: false);
        try
        {
            connection.BeginConnect(source);
            if (timeout != Timeout.InfiniteTimeSpan)
                connection.SetDeadline(timeout);
            await connection.WaitForWriteAsync(cancellationToken);
            connection.SetDeadline(null);
            connection._connecting = false;
            return connection._failure is { } failure ? throw new ChannelException(failure) : connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Where the client was connecting to before a redirect brought it here (SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST). A
    /// connection taken by tproxy keeps its destination as <see cref="LocalEndPoint"/>, which is the answer for a
    /// <see cref="TcpOptions.Transparent"/> listener when the kernel tracks no connection. Null when there is no entry in
    /// the connection tracker otherwise.
    /// </summary>
    public unsafe IPEndPoint? OriginalDestination()
    {
        ObjectDisposedException.ThrowIf(_fd < 0, this);
        bool v6 = SockAddr.Family(LocalEndPoint.Address) == Constants.AfInet6;
        byte* name = stackalloc byte[SockAddr.MaxSize];
        int length = SockAddr.MaxSize;
        int level = v6 ? Constants.SolIpv6 : Constants.SolIp;
        if (Libc.GetSockOpt(_fd, level, Constants.SoOriginalDestination, name, &length) == 0)
            return SockAddr.Read(new ReadOnlySpan<byte>(name, SockAddr.MaxSize));
        return _transparent ? LocalEndPoint : null;
    }

    private unsafe void BeginConnect(IPEndPoint? source)
    {
        if (source is not null)
            TcpSocket.Bind(_fd, source);
        byte* name = stackalloc byte[SockAddr.MaxSize];
        int length = SockAddr.Write(RemoteEndPoint, new Span<byte>(name, SockAddr.MaxSize));
        _connecting = true;
        if (Libc.Connect(_fd, name, length) == 0)
            _writable = true;
        else if (Errno.Last != Errno.InProgress)
            throw new ChannelException(Errno.ToFailure(Errno.Last, $"connect to {RemoteEndPoint}"));

        // Only now: an unconnected socket reports a hang-up.
        Register();
    }
}
