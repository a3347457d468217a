using System.Globalization;
using System.Net;
using System.Runtime.InteropServices;

namespace Ztunnel.IO;

/// <summary>
/// A Linux network namespace held open by a descriptor. Sockets made inside belong to it for good, so only their making
/// has to happen there: a thread goes in, does one synchronous thing and comes home.
/// </summary>
/// <remarks>
/// A thread made while inside would inherit the namespace: nothing run inside may start threads, await, or queue work.
/// A thread that cannot come home ends the process, because everything it did next would happen in the wrong network.
/// </remarks>
public sealed class NetworkNamespace : IDisposable
{
    private readonly NamespaceHandle _handle;

    private NetworkNamespace(int fd, string? path)
    {
        _handle = new NamespaceHandle(fd);
        Path = path ?? string.Create(CultureInfo.InvariantCulture, $"/proc/{Environment.ProcessId}/fd/{fd}");
        try
        {
            Inode = NamespaceFile.Inode(fd, Path);
        }
        catch
        {
            _handle.Dispose();
            throw;
        }
    }

    /// <summary>
    /// A path under which other programs find it while we hold it (<c>nsenter --net=PATH</c>): as given to <see cref="Open"/>,
    /// or under /proc/PID/fd for one of our own.
    /// </summary>
    public string Path { get; }

    /// <summary>Our descriptor, for passing it to another process. It stays ours.</summary>
    public SafeHandle Descriptor => _handle;

    /// <summary>The namespace's identity: two descriptors of the same namespace have the same number.</summary>
    public ulong Inode { get; }

    /// <summary>Opens the namespace at <paramref name="path"/>. Throws <see cref="NetworkNamespaceException"/> with a named reason.</summary>
    public static NetworkNamespace Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return new NetworkNamespace(NamespaceFile.Open(path), path);
    }

    /// <summary>
    /// Takes a descriptor that another process has passed, and with it its closing. Throws
    /// <see cref="NetworkNamespaceException"/> when it is no network namespace's; it is closed then.
    /// </summary>
    public static NetworkNamespace Adopt(SafeHandle descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        int fd = (int)descriptor.DangerousGetHandle();
        if (!NamespaceFile.IsNetwork(fd))
        {
            descriptor.Dispose();
            throw new NetworkNamespaceException(NetworkNamespaceFailure.NotANetworkNamespace, "what was passed is not a network namespace.");
        }

        descriptor.SetHandleAsInvalid();
        return new NetworkNamespace(fd, null);
    }

    /// <summary>The namespace of the calling thread: the process's own everywhere but inside <see cref="Run{T}"/>.</summary>
    public static NetworkNamespace OpenCurrent() => new(NamespaceFile.Open(NamespaceFile.OfThread), null);

    /// <summary>Every address of every interface of the calling thread's namespace. Takes no privilege, as to enter a namespace does, be it one's own.</summary>
    public static IReadOnlyList<IPAddress> OwnAddresses() => Interfaces.Addresses();

    /// <summary>
    /// Makes a new namespace with nothing in it but a loopback interface that is up. The kernel frees it when the last
    /// descriptor, socket and process in it is gone, even if we are killed.
    /// </summary>
    public static NetworkNamespace Create()
    {
        int fd = DedicatedThread.Run("netns-create", static () =>
        {
            // This thread ends here and so never has to come home.
            NamespaceFile.Unshare();
            Interfaces.BringUp("lo");
            return NamespaceFile.Open(NamespaceFile.OfThread);
        });
        return new NetworkNamespace(fd, null);
    }

    /// <summary>
    /// Runs <paramref name="synchronousWork"/> inside on the calling thread. It must not await, start threads or queue work.
    /// Throws <see cref="NetworkNamespaceException"/> when the namespace cannot be entered.
    /// </summary>
    public T Run<T>(Func<T> synchronousWork)
    {
        ArgumentNullException.ThrowIfNull(synchronousWork);
        using NamespaceScope scope = Enter();
        return synchronousWork();
    }

    /// <inheritdoc cref="Run{T}"/>
    public void Run(Action synchronousWork)
    {
        ArgumentNullException.ThrowIfNull(synchronousWork);
        using NamespaceScope scope = Enter();
        synchronousWork();
    }

    /// <summary>
    /// Runs a short program inside and waits for its end. Cancelling kills it. Throws <see cref="System.ComponentModel.Win32Exception"/>
    /// when it cannot be started.
    /// </summary>
    /// <param name="file">The program, looked up in PATH.</param>
    /// <param name="args">Its arguments.</param>
    /// <param name="stdin">What it reads; null for nothing.</param>
    /// <param name="cancellationToken">Kills the program and ends with <see cref="OperationCanceledException"/>.</param>
    public Task<ProcessResult> RunProcess(
        string file, IReadOnlyList<string> args, string? stdin = null, CancellationToken cancellationToken = default) =>
        NamespaceProcess.Run(this, file, args, stdin, cancellationToken);

    /// <summary>All addresses configured on interfaces inside, loopback and link-local ones included.</summary>
    public IReadOnlyList<IPAddress> Addresses() => Run(Interfaces.Addresses);

    /// <summary>Lets go of our descriptor, once nobody is inside any more. Nobody can go in from now on.</summary>
    public void Dispose() => _handle.Dispose();

    /// <inheritdoc/>
    public override string ToString() => Path;

    /// <summary>Moves the calling thread in until the scope is disposed.</summary>
    internal NamespaceScope Enter() => new(_handle, Path);
}
