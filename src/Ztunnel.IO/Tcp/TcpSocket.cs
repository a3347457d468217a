using System.Net;
using System.Runtime.CompilerServices;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>Makes TCP sockets and sets their options. Each failure is a <see cref="ChannelException"/> naming the step.</summary>
internal static unsafe class TcpSocket
{
    /// <summary>A non-blocking, close-on-exec socket with <paramref name="options"/> set, made inside <paramref name="ns"/>.</summary>
    public static int Open(NetworkNamespace? ns, IPAddress address, TcpOptions options)
    {
        int fd = Open(ns, SockAddr.Family(address));
        try
        {
            Configure(fd, SockAddr.Family(address) == Constants.AfInet6, options);
            return fd;
        }
        catch
        {
            _ = Libc.Close(fd);
            throw;
        }
    }

    public static void Bind(int fd, IPEndPoint address)
    {
        byte* name = stackalloc byte[SockAddr.MaxSize];
        int length = SockAddr.Write(address, new Span<byte>(name, SockAddr.MaxSize));
        if (Libc.Bind(fd, name, length) < 0)
            throw new ChannelException(Errno.ToFailure(Errno.Last, $"bind {address}"));
    }

    /// <summary>The socket's own address, or null if it cannot be had.</summary>
    public static IPEndPoint? LocalAddress(int fd)
    {
        byte* name = stackalloc byte[SockAddr.MaxSize];
        int length = SockAddr.MaxSize;
        return Libc.GetSockName(fd, name, &length) < 0
            ? null
            : SockAddr.Read(new ReadOnlySpan<byte>(name, SockAddr.MaxSize));
    }

    public static void Set(int fd, int level, int option, int value, [CallerArgumentExpression(nameof(option))] string name = "")
    {
        if (Libc.SetSockOpt(fd, level, option, &value, sizeof(int)) < 0)
            throw new ChannelException(Errno.ToFailure(Errno.Last, $"setsockopt {Shorten(name)}"));
    }

    public static int Get(int fd, int level, int option)
    {
        int value = 0;
        int length = sizeof(int);
        if (Libc.GetSockOpt(fd, level, option, &value, &length) < 0)
            throw new ChannelException(Errno.ToFailure(Errno.Last, "getsockopt"));
        return value;
    }

    /// <summary>Closes the socket so that the peer gets RST: a lingering close with no time to linger.</summary>
    public static void Reset(int fd)
    {
        long onForZeroSeconds = 1;
        _ = Libc.SetSockOpt(fd, Constants.SolSocket, Constants.SoLinger, &onForZeroSeconds, sizeof(long));
        _ = Libc.Close(fd);
    }

    private static int Open(NetworkNamespace? ns, int family)
    {
        if (ns is null)
            return Open(family);
        try
        {
            using NamespaceScope scope = ns.Enter();
            return Open(family);
        }
        catch (Exception exception) when (exception is NetworkNamespaceException or ObjectDisposedException)
        {
            string reason = exception is ObjectDisposedException ? $"enter {ns}: it was let go of" : exception.Message;
            throw new ChannelException(new ChannelFailure(FailureKind.Local, reason));
        }
    }

    private static int Open(int family)
    {
        int fd = Libc.Socket(family, Constants.SockStream | Constants.SockNonBlock | Constants.SockCloseOnExec, 0);
        return fd >= 0 ? fd : throw new ChannelException(Errno.ToFailure(Errno.Last, "socket"));
    }

    private static void Configure(int fd, bool v6, TcpOptions options)
    {
        // What a sender calls urgent is part of the stream that a relay must not lose.
        Set(fd, Constants.SolSocket, Constants.SoOutOfBandInline, 1);
        if (options.NoDelay)
            Set(fd, Constants.SolTcp, Constants.TcpNoDelay, 1);
        if (options.KeepAliveIdle > TimeSpan.Zero)
        {
            Set(fd, Constants.SolSocket, Constants.SoKeepAlive, 1);
            Set(fd, Constants.SolTcp, Constants.TcpKeepIdle, (int)options.KeepAliveIdle.TotalSeconds);
            Set(fd, Constants.SolTcp, Constants.TcpKeepInterval, (int)options.KeepAliveInterval.TotalSeconds);
            Set(fd, Constants.SolTcp, Constants.TcpKeepCount, options.KeepAliveProbes);
        }

        if (options.Mark is { } mark)
            Set(fd, Constants.SolSocket, Constants.SoMark, mark);
        if (options.Transparent)
            SetTransparent(fd, v6);
        if (options.BindAddressNoPort)
            Set(fd, Constants.SolIp, Constants.IpBindAddressNoPort, 1);
        if (options.NotSentLowWater is { } lowWater)
            Set(fd, Constants.SolTcp, Constants.TcpNotSentLowWater, lowWater);
        if (options.SendBuffer is { } send)
            Set(fd, Constants.SolSocket, Constants.SoSendBuffer, send);
        if (options.ReceiveBuffer is { } receive)
            Set(fd, Constants.SolSocket, Constants.SoReceiveBuffer, receive);
    }

    private static void SetTransparent(int fd, bool v6)
    {
        if (v6)
            Set(fd, Constants.SolIpv6, Constants.Ipv6Transparent, 1);
        else
            Set(fd, Constants.SolIp, Constants.IpTransparent, 1);
    }

    private static string Shorten(string name) => name[(name.LastIndexOf('.') + 1)..];
}
