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

    public void Dispose()
    {
        _ = Libc.Close(ReadEnd);
        _ = Libc.Close(WriteEnd);
    }
}
