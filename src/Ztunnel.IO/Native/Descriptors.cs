namespace Ztunnel.IO.Native;

/// <summary>What can be done with any descriptor.</summary>
internal static class Descriptors
{
    /// <summary>Another descriptor, closed on exec, of what <paramref name="fd"/> is one of. Throws <see cref="ChannelException"/>.</summary>
    public static int Duplicate(int fd)
    {
        int copy = Libc.Fcntl(fd, Constants.DuplicateCloseOnExec, 0);
        return copy >= 0 ? copy : throw new ChannelException(Errno.ToFailure(Errno.Last, "duplicate a descriptor"));
    }
}
