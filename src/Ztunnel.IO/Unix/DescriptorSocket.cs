using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>
/// One end of a conversation between two processes of this machine over a unix socket that keeps messages apart
/// (SOCK_SEQPACKET) and carries open descriptors along (SCM_RIGHTS). Its calls block, up to a patience: for a thread of its own.
/// </summary>
public sealed unsafe class DescriptorSocket : IDisposable
{
    /// <summary>Most descriptors of one message.</summary>
    public const int MaxDescriptors = 64;

    /// <summary>Most bytes of one message.</summary>
    public const int MaxMessage = 128 * 1024;

    private const int PathOffset = 2;
    private const int AddressSize = 110;
    private const int ControlHeader = 16;

    private readonly SafeFileHandle _handle;

    private DescriptorSocket(SafeFileHandle handle) => _handle = handle;

    private int Descriptor => (int)_handle.DangerousGetHandle();

    /// <summary>
    /// Listens at <paramref name="path"/>, in place of whatever is there: who connects from now on comes here. Only the owner may
    /// connect. Throws <see cref="IOException"/>.
    /// </summary>
    /// <param name="path">A name in a directory that others may not write to.</param>
    /// <param name="backlog">How many may wait to be accepted; who comes then waits to be let in line.</param>
    public static DescriptorSocket Listen(string path, int backlog = 1)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        string aside = $"{path}.{Environment.ProcessId}";
        File.Delete(aside);
        DescriptorSocket listener = Open(TimeSpan.Zero);
        try
        {
            byte* name = stackalloc byte[AddressSize];
            Check(Libc.Bind(listener.Descriptor, name, Address(aside, name)), $"bind {aside}");
            File.SetUnixFileMode(aside, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            Check(Libc.Listen(listener.Descriptor, backlog), $"listen {aside}");
            File.Move(aside, path, overwrite: true);
            return listener;
        }
        catch
        {
            listener.Dispose();
            File.Delete(aside);
            throw;
        }
    }

    /// <summary>
    /// Connects to whoever listens at <paramref name="path"/>; null when nobody does. Throws <see cref="IOException"/>, also
    /// when that is not of our own user.
    /// </summary>
    public static DescriptorSocket? Connect(string path, TimeSpan patience)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        DescriptorSocket socket = Open(patience);
        byte* name = stackalloc byte[AddressSize];
        if (Libc.Connect(socket.Descriptor, name, Address(path, name)) == 0)
        {
            if (socket.PeerUser() == Libc.GetEUid())
                return socket;
            socket.Dispose();
            throw new IOException($"{path}: another user listens there");
        }

        int errno = Errno.Last;
        socket.Dispose();
        return errno is Errno.NoEntry or Errno.ConnectionRefused ? null : throw new IOException($"connect {path}: {Errno.Text(errno)}");
    }

    /// <summary>
    /// Waits for the next to connect; null once this is closed by <see cref="Interrupt"/>. Whoever is not of our own user is
    /// turned away. Throws <see cref="IOException"/>.
    /// </summary>
    public DescriptorSocket? Accept(TimeSpan patience)
    {
        while (true)
        {
            int fd = Libc.Accept4(Descriptor, null, null, Constants.SockCloseOnExec);
            if (fd < 0 && Errno.Last == Errno.Interrupted)
                continue;
            if (fd < 0 && Errno.Last is Errno.InvalidArgument or Errno.BadDescriptor)
                return null;
            Check(fd, "accept");
            var accepted = new DescriptorSocket(new SafeFileHandle(fd, ownsHandle: true));
            try
            {
                if (accepted.PeerUser() == Libc.GetEUid())
                {
                    accepted.SetPatience(patience);
                    return accepted;
                }
            }
            catch
            {
                accepted.Dispose();
                throw;
            }

            accepted.Dispose();
        }
    }

    /// <summary>Ends what is waited for on this by another thread, now and later.</summary>
    public void Interrupt()
    {
        if (!_handle.IsClosed)
            _ = Libc.Shutdown(Descriptor, Constants.ShutBoth);
    }

    /// <summary>Sends one message. The descriptors stay the caller's. Throws <see cref="IOException"/>.</summary>
    public void Send(ReadOnlySpan<byte> message, params IReadOnlyList<SafeHandle> descriptors)
    {
        ArgumentNullException.ThrowIfNull(descriptors);
        if (descriptors.Count > MaxDescriptors || message.Length > MaxMessage)
            throw new ArgumentException("A message carries so many descriptors and bytes and no more.", nameof(message));
        int payload = descriptors.Count * sizeof(int);
        int space = ControlHeader + ((payload + 7) & ~7);
        byte* control = stackalloc byte[space];
        *(nuint*)control = (nuint)(ControlHeader + payload);
        *(int*)(control + 8) = Constants.SolSocket;
        *(int*)(control + 12) = Constants.ScmRights;
        for (int index = 0; index < descriptors.Count; index++)
            *(int*)(control + ControlHeader + (index * sizeof(int))) = (int)descriptors[index].DangerousGetHandle();
        fixed (byte* bytes = message)
        {
            IoVector vector = new() { Base = bytes, Length = (nuint)message.Length };
            MessageHeader header = new() { Vectors = &vector, VectorCount = 1 };
            if (descriptors.Count > 0)
            {
                header.Control = control;
                header.ControlLength = (nuint)space;
            }

            nint sent;
            do
                sent = Libc.SendMsg(Descriptor, &header, Constants.MsgNoSignal);
            while (sent < 0 && Errno.Last == Errno.Interrupted);
            Check((int)sent, "send to the other end");
        }

        foreach (SafeHandle descriptor in descriptors)
            GC.KeepAlive(descriptor);
    }

    /// <summary>
    /// Receives one message; empty when the other end has closed. The descriptors are the caller's to close. Throws
    /// <see cref="IOException"/>, also when nothing comes within the patience.
    /// </summary>
    public byte[] Receive(out IReadOnlyList<SafeFileHandle> descriptors)
    {
        byte[] buffer = new byte[MaxMessage];
        int space = ControlHeader + (MaxDescriptors * sizeof(int));
        byte* control = stackalloc byte[space];
        fixed (byte* bytes = buffer)
        {
            IoVector vector = new() { Base = bytes, Length = (nuint)buffer.Length };
            MessageHeader header = new() { Vectors = &vector, VectorCount = 1, Control = control, ControlLength = (nuint)space };
            nint received;
            do
                received = Libc.RecvMsg(Descriptor, &header, Constants.MsgCloseOnExec);
            while (received < 0 && Errno.Last == Errno.Interrupted);
            Check((int)received, "receive from the other end");
            descriptors = header.ControlLength >= ControlHeader ? Descriptors(control) : [];
            return buffer[..(int)received];
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static List<SafeFileHandle> Descriptors(byte* control)
    {
        var found = new List<SafeFileHandle>();
        int count = ((int)*(nuint*)control - ControlHeader) / sizeof(int);
        for (int index = 0; index < count; index++)
            found.Add(new SafeFileHandle(*(int*)(control + ControlHeader + (index * sizeof(int))), ownsHandle: true));
        return found;
    }

    private static DescriptorSocket Open(TimeSpan patience)
    {
        int fd = Libc.Socket(Constants.AfUnix, Constants.SockSeqPacket | Constants.SockCloseOnExec, 0);
        if (fd < 0)
            throw new IOException($"socket: {Errno.Text(Errno.Last)}");
        var socket = new DescriptorSocket(new SafeFileHandle(fd, ownsHandle: true));
        socket.SetPatience(patience);
        return socket;
    }

    private static int Address(string path, byte* name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(path);
        if (bytes.Length >= AddressSize - PathOffset)
            throw new IOException($"{path} is too long for the name of a unix socket");
        new Span<byte>(name, AddressSize).Clear();
        *(ushort*)name = Constants.AfUnix;
        bytes.CopyTo(new Span<byte>(name + PathOffset, AddressSize - PathOffset));
        return PathOffset + bytes.Length + 1;
    }

    private void SetPatience(TimeSpan patience)
    {
        long* time = stackalloc long[2];
        time[0] = (long)patience.TotalSeconds;
        time[1] = patience.Microseconds + (patience.Milliseconds * 1000L);
        Check(Libc.SetSockOpt(Descriptor, Constants.SolSocket, Constants.SoReceiveTimeout, time, 16), "setsockopt SO_RCVTIMEO");
        Check(Libc.SetSockOpt(Descriptor, Constants.SolSocket, Constants.SoSendTimeout, time, 16), "setsockopt SO_SNDTIMEO");
    }

    private uint PeerUser()
    {
        uint* credentials = stackalloc uint[3];
        int length = 12;
        Check(Libc.GetSockOpt(Descriptor, Constants.SolSocket, Constants.SoPeerCredentials, credentials, &length), "getsockopt SO_PEERCRED");
        return credentials[1];
    }

    private static void Check(int result, string what)
    {
        if (result < 0)
            throw new IOException($"{what}: {Errno.Text(Errno.Last)}");
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct IoVector
    {
        public void* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    internal struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public IoVector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
