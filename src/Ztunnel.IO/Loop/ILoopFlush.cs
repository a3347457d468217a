namespace Ztunnel.IO;

/// <summary>Something that gathers small writes and sends them once an iteration.</summary>
public interface ILoopFlush
{
    /// <summary>Sends what was gathered. Called on the loop.</summary>
    void Flush();
}
