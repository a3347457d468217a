using System.Net;
using System.Text;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>Network interfaces of the calling thread's namespace.</summary>
internal static unsafe class Interfaces
{
    private const int RequestSize = 40;
    private const int FlagsOffset = 16;
    private const short Up = 1;

    /// <summary>Every address of every interface, once.</summary>
    public static IReadOnlyList<IPAddress> Addresses()
    {
        InterfaceAddress* first;
        if (Libc.GetIfAddrs(&first) < 0)
            throw new ChannelException(Errno.ToFailure(Errno.Last, "getifaddrs"));
        HashSet<IPAddress> addresses = [];
        for (InterfaceAddress* entry = first; entry is not null; entry = entry->Next)
        {
            if (entry->Address is not null && *(ushort*)entry->Address is Constants.AfInet or Constants.AfInet6)
                addresses.Add(SockAddr.Read(new ReadOnlySpan<byte>(entry->Address, SockAddr.MaxSize)).Address);
        }

        Libc.FreeIfAddrs(first);
        return [.. addresses];
    }

    /// <summary>Sets an interface up.</summary>
    public static void BringUp(string name)
    {
        int fd = Libc.Socket(Constants.AfInet, Constants.SockDatagram | Constants.SockCloseOnExec, 0);
        if (fd < 0)
            throw new ChannelException(Errno.ToFailure(Errno.Last, "socket"));

        // struct ifreq: the name in 16 bytes, then a union that begins with the flags.
        byte* request = stackalloc byte[RequestSize];
        new Span<byte>(request, RequestSize).Clear();
        Encoding.ASCII.GetBytes(name, new Span<byte>(request, FlagsOffset - 1));
        *(short*)(request + FlagsOffset) = Up;
        int result = Libc.IoControl(fd, Constants.SetInterfaceFlags, request);
        int errno = Errno.Last;
        _ = Libc.Close(fd);
        if (result < 0)
            throw new ChannelException(Errno.ToFailure(errno, $"bring {name} up"));
    }
}
