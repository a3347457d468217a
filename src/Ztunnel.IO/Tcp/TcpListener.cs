using System.Net;
using Microsoft.Win32.SafeHandles;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// A listening socket whose connections are spread over worker loops by how many each has. When descriptors or memory
/// run out it pauses and tries again; it never spins and never stops by itself. Safe from any thread.
/// </summary>
public sealed class TcpListener : IDisposable, IEpollHandler
{
    private const int AcceptsPerTurn = 16;

    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

    private readonly int _fd;
    private readonly bool _transparent;
    private readonly Lock _lifetime = new();
    private EventLoop? _loop;
    private IReadOnlyList<EventLoop> _workers = [];
    private Action<TcpConnection>? _accepted;
    private LoopTimer? _retry;
    private int _slot = -1;
    private int _turn;
    private volatile bool _stopped;
    private volatile bool _shared;
    private bool _paused;

    private TcpListener(int fd, bool transparent, IPEndPoint local)
    {
        _fd = fd;
        _transparent = transparent;
        LocalEndPoint = local;
    }

    /// <summary>The address listened on, with the port the kernel chose where 0 was asked for.</summary>
    public IPEndPoint LocalEndPoint { get; }

    /// <summary>
    /// Makes a listening socket inside <paramref name="ns"/> (null for the process's own namespace). It takes connections from
    /// now on; <see cref="Start"/> accepts them. An IPv6 address takes IPv6 only. Throws <see cref="ChannelException"/> with
    /// <see cref="FailureKind.Local"/>, naming the step and the system's reason, such as an address in use.
    /// </summary>
    public static TcpListener Listen(NetworkNamespace? ns, IPEndPoint address, TcpListenOptions options)
    {
        ArgumentNullException.ThrowIfNull(address);
        ArgumentNullException.ThrowIfNull(options);
        int fd = TcpSocket.Open(ns, address.Address, options.Connection);
        try
        {
            TcpSocket.Set(fd, Constants.SolSocket, Constants.SoReuseAddr, 1);
            if (options.ReusePort)
                TcpSocket.Set(fd, Constants.SolSocket, Constants.SoReusePort, 1);
            if (SockAddr.Family(address.Address) == Constants.AfInet6)
                TcpSocket.Set(fd, Constants.SolIpv6, Constants.Ipv6Only, 1);
            TcpSocket.Bind(fd, address);
            if (Libc.Listen(fd, options.Backlog) < 0)
                throw new ChannelException(Errno.ToFailure(Errno.Last, $"listen {address}"));
            return new TcpListener(fd, options.Connection.Transparent, TcpSocket.LocalAddress(fd) ?? address);
        }
        catch
        {
            _ = Libc.Close(fd);
            throw;
        }
    }

    /// <summary>
    /// Listens with a socket that another process shares: no connection is refused on the way. What the handle holds is closed
    /// with the listener. Throws <see cref="ChannelException"/>.
    /// </summary>
    public static TcpListener Adopt(SafeFileHandle listening, TcpListenOptions options)
    {
        ArgumentNullException.ThrowIfNull(listening);
        ArgumentNullException.ThrowIfNull(options);
        using (listening)
        {
            int fd = Descriptors.Duplicate((int)listening.DangerousGetHandle());
            if (TcpSocket.LocalAddress(fd) is { } local)
                return new TcpListener(fd, options.Connection.Transparent, local) { _shared = true };
            int errno = Errno.Last;
            _ = Libc.Close(fd);
            throw new ChannelException(Errno.ToFailure(errno, "getsockname"));
        }
    }

    /// <summary>
    /// The socket, for another process to listen with too; null when this has stopped. Connections go to whoever accepts first.
    /// Until <see cref="Own"/>, to be called by the one that is left, whichever stops leaves the socket to the other.
    /// </summary>
    public SafeFileHandle? Share()
    {
        lock (_lifetime)
        {
            if (_stopped)
                return null;
            var copy = new SafeFileHandle(Descriptors.Duplicate(_fd), ownsHandle: true);
            _shared = true;
            return copy;
        }
    }

    /// <summary>The socket is this process's alone from now on.</summary>
    public void Own() => _shared = false;

    /// <summary>
    /// Stops accepting and leaves the socket to those it was shared with: nothing is refused, what waits goes to them. When
    /// this completes, each connection accepted before has been handed to its worker.
    /// </summary>
    public async Task Yield()
    {
        lock (_lifetime)
        {
            if (_stopped)
                return;
            _stopped = true;
        }

        if (_loop is null)
        {
            Close();
            return;
        }

        await _loop.RunAsync(() =>
        {
            Close();
            return Task.CompletedTask;
        });
    }

    /// <summary>
    /// Begins to accept on <paramref name="loop"/>. Each connection is given to the worker with the fewest, and
    /// <paramref name="accepted"/> runs on that worker's thread; it owns the connection.
    /// </summary>
    public void Start(EventLoop loop, IReadOnlyList<EventLoop> workers, Action<TcpConnection> accepted)
    {
        ArgumentNullException.ThrowIfNull(loop);
        ArgumentNullException.ThrowIfNull(workers);
        ArgumentNullException.ThrowIfNull(accepted);
        ArgumentOutOfRangeException.ThrowIfZero(workers.Count, nameof(workers));
        lock (_lifetime)
        {
            ObjectDisposedException.ThrowIf(_stopped, this);
            if (_loop is not null)
                throw new InvalidOperationException("The listener was started before.");
            _loop = loop;
        }

        _workers = workers;
        _accepted = accepted;
        loop.Post(static state => ((TcpListener)state!).Register(), this);
    }

    /// <summary>
    /// Stops accepting: later connects are refused as soon as this returns, and what waits in the backlog is reset; or both go
    /// to the process that the socket is shared with. Connections accepted before live on. Idempotent.
    /// </summary>
    public void Stop()
    {
        lock (_lifetime)
        {
            if (_stopped)
                return;
            _stopped = true;
            if (!_shared)
                _ = Libc.Shutdown(_fd, Constants.ShutBoth);
        }

        if (_loop is null || !_loop.TryPost(static state => ((TcpListener)state!).Close(), this))
            Close();
    }

    /// <summary>The same as <see cref="Stop"/>.</summary>
    public void Dispose() => Stop();

    void IEpollHandler.OnEvents(uint events) => AcceptWaiting();

    void IEpollHandler.OnLoopStopping()
    {
        lock (_lifetime)
        {
            // When someone is stopping us at this moment, the close they posted is still going to run.
            if (_stopped)
                return;
            _stopped = true;
        }

        Close();
    }

    private void Register()
    {
        if (_stopped)
            return;
        int slot = _loop!.Epoll.Add(_fd, Constants.EpollIn, this);
        if (slot >= 0)
            _slot = slot;
        else
            Pause(-slot, static listener => listener.Register());
    }

    private void Close()
    {
        _retry?.Dispose();
        if (_slot >= 0)
            _loop!.Epoll.Withdraw(_slot, _fd);
        _ = Libc.Close(_fd);
    }

    private unsafe void AcceptWaiting()
    {
        byte* name = stackalloc byte[SockAddr.MaxSize];
        for (int accepts = 0; accepts < AcceptsPerTurn; accepts++)
        {
            if (_stopped)
                return;
            int length = SockAddr.MaxSize;
            int fd = Libc.Accept4(_fd, name, &length, Constants.SockNonBlock | Constants.SockCloseOnExec);
            if (fd >= 0)
                Assign(fd, SockAddr.Read(new ReadOnlySpan<byte>(name, SockAddr.MaxSize)));
            else if (!GoOnAfter(Errno.Last))
                return;
        }

        // Others on this loop have their turn first.
        _loop!.Post(static state => ((TcpListener)state!).AcceptWaiting(), this);
    }

    /// <summary>True when another accept may succeed now.</summary>
    private bool GoOnAfter(int errno)
    {
        switch (errno)
        {
            case Errno.TryAgain:
                return false;
            case Errno.TooManyFiles or Errno.FileTableFull or Errno.NoBuffers or Errno.OutOfMemory:
                Pause(errno, static listener => listener.AcceptWaiting());
                return false;
            case Errno.InvalidArgument or Errno.BadDescriptor:
                // What a socket that was shut down answers.
                return false;
            default:
                // The connection died in the backlog (accept(2) passes on its network errors); the next may be well.
                return true;
        }
    }

    private void Pause(int errno, Action<TcpListener> retry)
    {
        if (!_paused && _loop!.Logger is { } logger)
            LoopLog.AcceptPaused(logger, LocalEndPoint, Errno.Text(errno), RetryInterval);
        _paused = true;
        _retry?.Dispose();
        _retry = _loop!.Schedule(RetryInterval, _ => retry(this), null);
    }

    private void Assign(int fd, IPEndPoint remote)
    {
        if (_paused && _loop!.Logger is { } logger)
            LoopLog.AcceptResumed(logger, LocalEndPoint);
        _paused = false;
        EventLoop worker = NextWorker();
        TcpConnection connection = new(worker, fd, remote, _transparent);
        if (worker.IsCurrent)
            Deliver(connection);
        else if (!worker.TryPost(static state => ((Delivery)state!).Run(), new Delivery(this, connection)))
            connection.Forget();
    }

    private void Deliver(TcpConnection connection)
    {
        connection.RegisterAccepted();
        _accepted!(connection);
    }

    /// <summary>The least loaded worker; among equals they take turns.</summary>
    private EventLoop NextWorker()
    {
        _turn = _turn + 1 < _workers.Count ? _turn + 1 : 0;
        EventLoop best = _workers[_turn];
        for (int step = 1; step < _workers.Count; step++)
        {
            EventLoop other = _workers[(_turn + step) % _workers.Count];
            if (other.Load < best.Load)
                best = other;
        }

        return best;
    }

    private sealed record Delivery(TcpListener Listener, TcpConnection Connection)
    {
        public void Run() => Listener.Deliver(Connection);
    }
}
