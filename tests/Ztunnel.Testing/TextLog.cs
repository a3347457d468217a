using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Ztunnel.Testing;

/// <summary>Keeps what was logged as text.</summary>
public sealed class TextLog : ILogger
{
    public ConcurrentQueue<(LogLevel Level, string Text)> Lines { get; } = new();

    /// <summary>What was logged at a level, in order.</summary>
    public string[] At(LogLevel level) => [.. Lines.Where(line => line.Level == level).Select(line => line.Text)];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
    {
        ArgumentNullException.ThrowIfNull(formatter);
        Lines.Enqueue((logLevel, formatter(state, exception) + exception));
    }
}
