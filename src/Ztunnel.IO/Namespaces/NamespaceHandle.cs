using Microsoft.Win32.SafeHandles;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// The descriptor of a network namespace. It is closed when the last stay inside is over, not while a thread is about to go
/// in or has to come back through it: by then its number may be another namespace's.
/// </summary>
internal sealed class NamespaceHandle : SafeHandleMinusOneIsInvalid
{
    public NamespaceHandle(int fd)
        : base(ownsHandle: true) => SetHandle(fd);

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => Libc.Close((int)handle) == 0;
}
