using Microsoft.Win32.SafeHandles;

namespace Ztunnel.IO;

/// <summary>Bytes on their way between two connections, in the pipe in which they are passed to another process.</summary>
/// <param name="ReadEnd">Where they come out.</param>
/// <param name="WriteEnd">Where more may be put in, once it is empty.</param>
/// <param name="Bytes">How many there are.</param>
public sealed record PassedPipe(SafeFileHandle ReadEnd, SafeFileHandle WriteEnd, int Bytes) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        ReadEnd.Dispose();
        WriteEnd.Dispose();
    }
}
