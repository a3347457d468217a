using Microsoft.Win32.SafeHandles;
using Ztunnel.IO.Native;

namespace Ztunnel.IO;

/// <summary>A kernel pipe through which bytes go from socket to socket without being copied, and how many are in it.</summary>
internal sealed unsafe class SplicePipe : IDisposable
{
    private SplicePipe(int readEnd, int writeEnd)
    {
        ReadEnd = readEnd;
        WriteEnd = writeEnd;
    }

    public int ReadEnd { get; }

    public int WriteEnd { get; }

    /// <summary>Bytes inside.</summary>
    public int Held { get; set; }

    /// <summary>A pipe with room for <paramref name="size"/> bytes in whole pages, or null when the kernel gives none.</summary>
    public static SplicePipe? TryCreate(int size)
    {
        int* ends = stackalloc int[2];
        if (Libc.Pipe2(ends, Constants.OpenNonBlock | Constants.OpenCloseOnExec) < 0)
            return null;

        // Refused without privilege above a limit: the pipe then has the kernel's usual size.
        _ = Libc.Fcntl(ends[1], Constants.SetPipeSize, size);
        return new SplicePipe(ends[0], ends[1]);
    }

    /// <summary>A pipe that another process has passed on.</summary>
    public static SplicePipe Adopt(PassedPipe passed)
    {
        int readEnd = Descriptors.Duplicate((int)passed.ReadEnd.DangerousGetHandle());
        try
        {
            return new SplicePipe(readEnd, Descriptors.Duplicate((int)passed.WriteEnd.DangerousGetHandle())) { Held = passed.Bytes };
        }
        catch
        {
            _ = Libc.Close(readEnd);
            throw;
        }
    }

    /// <summary>Descriptors of the same pipe, to be passed to another process.</summary>
    public PassedPipe Share()
    {
        var readEnd = new SafeFileHandle(Descriptors.Duplicate(ReadEnd), ownsHandle: true);
        try
        {
            return new PassedPipe(readEnd, new SafeFileHandle(Descriptors.Duplicate(WriteEnd), ownsHandle: true), Held);
        }
        catch
        {
            readEnd.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _ = Libc.Close(ReadEnd);
        _ = Libc.Close(WriteEnd);
    }
}
