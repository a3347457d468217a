using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>A thread's stay in another network namespace. Stays nest.</summary>
internal readonly ref struct NamespaceScope
{
    // The main thread never leaves the process's own namespace.
    private static readonly int HomeDescriptor = NamespaceFile.Open(NamespaceFile.OfProcess);

    [ThreadStatic]
    private static int _insideOf;

    private readonly int _outer;

    /// <summary>Enters the namespace of <paramref name="fd"/>.</summary>
    public NamespaceScope(int fd, string path)
    {
        int home = HomeDescriptor;
        NamespaceFile.Enter(fd, path);
        _outer = _insideOf == 0 ? home : _insideOf;
        _insideOf = fd;
    }

    /// <summary>Goes back to where the thread came from.</summary>
    public void Dispose()
    {
        if (Libc.SetNs(_outer, Constants.CloneNewNet) < 0)
            Environment.FailFast($"A thread could not return to its network namespace: {Errno.Text(Errno.Last)}.");
        _insideOf = _outer == HomeDescriptor ? 0 : _outer;
    }
}
