using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>A thread's stay in another network namespace, which cannot be closed meanwhile. Stays nest.</summary>
internal readonly ref struct NamespaceScope
{
    // The main thread never leaves the process's own namespace.
    private static readonly int HomeDescriptor = NamespaceFile.Open(NamespaceFile.OfProcess);

    [ThreadStatic]
    private static int _insideOf;

    private readonly NamespaceHandle _handle;
    private readonly int _outer;

    /// <summary>
    /// Enters the namespace of <paramref name="handle"/>. Throws <see cref="ObjectDisposedException"/> when it was closed and
    /// <see cref="NetworkNamespaceException"/> when the kernel does not let us in.
    /// </summary>
    public NamespaceScope(NamespaceHandle handle, string path)
    {
        int home = HomeDescriptor;
        bool held = false;
        handle.DangerousAddRef(ref held);
        int fd = (int)handle.DangerousGetHandle();
        try
        {
            NamespaceFile.Enter(fd, path);
        }
        catch
        {
            handle.DangerousRelease();
            throw;
        }

        _handle = handle;
        _outer = _insideOf == 0 ? home : _insideOf;
        _insideOf = fd;
    }

    /// <summary>Goes back to where the thread came from.</summary>
    public void Dispose()
    {
        if (Libc.SetNs(_outer, Constants.CloneNewNet) < 0)
            Environment.FailFast($"A thread could not return to its network namespace: {Errno.Text(Errno.Last)}.");
        _insideOf = _outer == HomeDescriptor ? 0 : _outer;
        _handle.DangerousRelease();
    }
}
