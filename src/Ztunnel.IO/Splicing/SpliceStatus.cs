namespace Ztunnel.IO;

/// <summary>What one attempt of a <see cref="Splice"/> to move bytes came to.</summary>
public enum SpliceStatus
{
    /// <summary>Bytes moved; there may be more.</summary>
    Moved,

    /// <summary>The source has nothing now; wait for it with <see cref="Channel.WaitForReadAsync"/>.</summary>
    AwaitData,

    /// <summary>The destination takes nothing now; wait for it with <see cref="Channel.WaitForWriteAsync"/>.</summary>
    AwaitRoom,

    /// <summary>The source has ended in order and all it sent was taken.</summary>
    End,

    /// <summary>The source is broken and all that came before was taken; its <see cref="Channel.Failure"/> says why.</summary>
    SourceFailed,

    /// <summary>The destination is broken; its <see cref="Channel.Failure"/> says why.</summary>
    DestinationFailed,

    /// <summary>These bytes cannot be moved inside the kernel; read and write them.</summary>
    Unable,
}
