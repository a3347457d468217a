namespace Ztunnel.Telemetry;

/// <summary>
/// One line per connection that ended or was refused, and at a gateway per request. Writing costs the caller one queue slot: it never blocks, never
/// formats and never throws, so event loops may call it. Safe from any thread.
/// </summary>
public sealed class AccessLog
{
    private readonly LogOutput? _output;
    private readonly TimeProvider _time;

    /// <summary>An access log whose lines go to <paramref name="output"/>.</summary>
    public AccessLog(LogOutput output, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(output);
        _output = output;
        _time = time ?? TimeProvider.System;
    }

    private AccessLog() => _time = TimeProvider.System;

    /// <summary>The access log that is switched off: takes records and forgets them.</summary>
    public static AccessLog Off { get; } = new();

    /// <summary>False for <see cref="Off"/>.</summary>
    public bool Enabled => _output is not null;

    /// <summary>Logs <paramref name="record"/>, which must not be changed afterwards. When the output's queue is full the line is dropped and counted.</summary>
    public void Write(ConnectionRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        _output?.Enqueue(new LogLine.Access(_time.GetUtcNow(), record));
    }

    /// <summary>Logs a request. When the output's queue is full the line is dropped and counted.</summary>
    public void Write(RequestRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        _output?.Enqueue(new RequestLine(_time.GetUtcNow(), record));
    }
}
