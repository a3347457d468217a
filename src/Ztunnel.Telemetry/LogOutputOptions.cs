namespace Ztunnel.Telemetry;

/// <summary>How a <see cref="LogOutput"/> writes.</summary>
public sealed record LogOutputOptions
{
    /// <summary>Shape of the lines; text by default.</summary>
    public LogFormat Format { get; init; } = LogFormat.Text;

    /// <summary>How many lines may wait for the writer before further ones are dropped; 8192 by default.</summary>
    public int QueueLength { get; init; } = 8192;

    /// <summary>How long the writer lets lines gather after a write before it looks again; 10 ms by default. The first line after a pause is written at once.</summary>
    public TimeSpan Gather { get; init; } = TimeSpan.FromMilliseconds(10);

    /// <summary>How long <see cref="LogOutput.Dispose"/> waits for the lines still queued; 2 s by default.</summary>
    public TimeSpan DisposeTimeout { get; init; } = TimeSpan.FromSeconds(2);
}
