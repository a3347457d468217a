using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>A netlink socket of a network namespace: for requests, each answered before the next, or for listening to what changes.</summary>
internal sealed unsafe class NetlinkSocket : IDisposable
{
    public const int Route = 0;
    public const int Netfilter = 12;

    public const ushort Request = 1;
    public const ushort Acknowledge = 4;
    public const ushort Exclusive = 0x200;
    public const ushort Create = 0x400;

    private const int AfNetlink = 16;
    private const int SockRaw = 3;
    private const int AddressSize = 12;
    private const int ReplySize = 8192;
    private const ushort ErrorType = 2;

    private int _closed;

    private NetlinkSocket(int descriptor) => Descriptor = descriptor;

    /// <summary>The socket's descriptor.</summary>
    public int Descriptor { get; }

    /// <summary>
    /// Opens a socket inside <paramref name="ns"/>. With <paramref name="groups"/>, a bit for each multicast group from the
    /// first, it listens to those and does not block; with none it is for requests. Throws <see cref="NetworkNamespaceException"/>.
    /// </summary>
    public static NetlinkSocket Open(NetworkNamespace ns, int protocol, uint groups = 0)
    {
        int type = SockRaw | Constants.SockCloseOnExec | (groups != 0 ? Constants.SockNonBlock : 0);
        int fd = Made(ns, protocol, type);
        byte* address = stackalloc byte[AddressSize];
        new Span<byte>(address, AddressSize).Clear();
        *(ushort*)address = AfNetlink;
        *(uint*)(address + 8) = groups;
        if (Libc.Bind(fd, address, AddressSize) == 0)
            return new NetlinkSocket(fd);
        int errno = Errno.Last;
        _ = Libc.Close(fd);
        throw Failed($"bind a netlink socket in {ns}", errno);
    }

    /// <summary>
    /// Sends a request and takes its one answer into <paramref name="reply"/>: the answer's length, or minus the errno the
    /// kernel answered with. A bare acknowledgement is 0.
    /// </summary>
    public int Ask(ReadOnlySpan<byte> message, Span<byte> reply)
    {
        fixed (byte* bytes = message)
        {
            if (Libc.Send(Descriptor, bytes, (nuint)message.Length, 0) < 0)
                return -Errno.Last;
        }

        nint count = Receive(reply);
        if (count < NetlinkMessage.HeaderSize)
            return count < 0 ? (int)count : -Errno.InvalidArgument;
        return BitConverter.ToUInt16(reply[4..]) == ErrorType ? BitConverter.ToInt32(reply[NetlinkMessage.HeaderSize..]) : (int)count;
    }

    /// <summary>Sends a request that is answered by an acknowledgement only: 0, or the errno.</summary>
    public int Do(ReadOnlySpan<byte> message)
    {
        Span<byte> reply = stackalloc byte[ReplySize];
        return -Ask(message, reply);
    }

    /// <summary>Takes everything that has come and throws it away: whether there was anything, including news that were lost.</summary>
    public bool Drain()
    {
        Span<byte> discarded = stackalloc byte[ReplySize];
        bool any = false;
        while (true)
        {
            nint count = Receive(discarded);
            if (count < 0 && count != -Errno.NoBuffers)
                return any;
            any = true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _closed, 1) == 0)
            _ = Libc.Close(Descriptor);
    }

    public static NetworkNamespaceException Failed(string action, int errno) =>
        new(NetworkNamespaceFailure.System, $"{action}: {Errno.Text(errno)}");

    private static int Made(NetworkNamespace ns, int protocol, int type)
    {
        using NamespaceScope scope = ns.Enter();
        int fd = Libc.Socket(AfNetlink, type, protocol);
        return fd >= 0 ? fd : throw Failed($"make a netlink socket in {ns}", Errno.Last);
    }

    private nint Receive(Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                nint count = Libc.Recv(Descriptor, bytes, (nuint)buffer.Length, 0);
                if (count >= 0)
                    return count;
                if (Errno.Last != Errno.Interrupted)
                    return -Errno.Last;
            }
        }
    }
}
