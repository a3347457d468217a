using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>The files through which the kernel shows network namespaces.</summary>
internal static unsafe class NamespaceFile
{
    public const string OfProcess = "/proc/self/ns/net";
    public const string OfThread = "/proc/thread-self/ns/net";

    private const int InodeOffset = 32;
    private const int StatxSize = 256;

    public static int Open(string path)
    {
        // The path is what somebody says: at a FIFO an open that may block waits for ever.
        int fd = Libc.Open(path, Constants.OpenReadOnly | Constants.OpenCloseOnExec | Constants.OpenNonBlock);
        if (fd < 0)
            throw Failed($"open {path}");
        if (IsNetwork(fd))
            return fd;
        _ = Libc.Close(fd);
        throw new NetworkNamespaceException(
            NetworkNamespaceFailure.NotANetworkNamespace, $"{path} is not a network namespace.");
    }

    public static bool IsNetwork(int fd) => Libc.IoControl(fd, Constants.NsGetNsType, null) == Constants.CloneNewNet;

    public static ulong Inode(int fd, string path)
    {
        byte* statx = stackalloc byte[StatxSize];
        if (Libc.StatX(fd, string.Empty, Constants.AtEmptyPath, Constants.StatxInode, statx) < 0)
            throw Failed($"statx {path}");
        return *(ulong*)(statx + InodeOffset);
    }

    public static void Enter(int fd, string path)
    {
        if (Libc.SetNs(fd, Constants.CloneNewNet) < 0)
            throw Failed($"enter {path}");
    }

    /// <summary>Moves the calling thread into a new namespace.</summary>
    public static void Unshare()
    {
        if (Libc.Unshare(Constants.CloneNewNet) < 0)
            throw Failed("make a network namespace");
    }

    private static NetworkNamespaceException Failed(string action)
    {
        int errno = Errno.Last;
        NetworkNamespaceFailure failure = errno switch
        {
            Errno.NoEntry or Errno.NotADirectory => NetworkNamespaceFailure.Absent,
            Errno.NotPermitted or Errno.PermissionDenied => NetworkNamespaceFailure.Denied,
            Errno.InvalidArgument => NetworkNamespaceFailure.NotANetworkNamespace,
            _ => NetworkNamespaceFailure.System,
        };
        return new NetworkNamespaceException(failure, $"{action}: {Errno.Text(errno)}");
    }
}
