namespace Ztunnel.IO;

/// <summary>What one attempt to read a channel found.</summary>
public enum ReadStatus
{
    /// <summary>Nothing now; wait with <see cref="Channel.WaitForReadAsync"/>.</summary>
    Pending,

    /// <summary>Bytes were lent; give them back with <see cref="Channel.Consume"/>.</summary>
    Data,

    /// <summary>The peer sent everything it had and closed its side in order (FIN, close_notify, END_STREAM).</summary>
    End,

    /// <summary>The channel is broken; <see cref="Channel.Failure"/> says how.</summary>
    Failed,
}
