using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace Ztunnel.Telemetry;

/// <summary>
/// Sends <see cref="ILogger"/> messages to a <see cref="LogOutput"/>, in the line shape of the access log. Used instead of
/// the framework's console provider because that one makes its callers wait when standard output does not drain, and an
/// event loop may not wait. The message is formatted by the caller; writing is the output's thread's.
/// </summary>
public sealed class LogOutputLoggerProvider : ILoggerProvider
{
    private const string OwnPrefix = "Ztunnel.";

    private readonly ConcurrentDictionary<string, ILogger> _loggers = new(StringComparer.Ordinal);
    private readonly LogOutput _output;
    private readonly LogLevels _levels;
    private readonly TimeProvider _time;

    /// <summary>A provider writing to <paramref name="output"/>, which it does not dispose.</summary>
    public LogOutputLoggerProvider(LogOutput output, LogLevels? levels = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(output);
        _output = output;
        _levels = levels ?? LogLevels.Default;
        _time = time ?? TimeProvider.System;
    }

    /// <inheritdoc/>
    public ILogger CreateLogger(string categoryName) => _loggers.GetOrAdd(categoryName, category =>
    {
        string scope = ScopeOf(category);
        return new Logger(this, scope, _levels.For(scope));
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing of its own: the output outlives the logger factory so that late lines are still written.
    }

    // Ztunnel.Proxy.OutboundListener -> proxy: which part of the program speaks; the class behind it is no user's business.
    private static string ScopeOf(string category)
    {
        if (!category.StartsWith(OwnPrefix, StringComparison.Ordinal))
            return category;
        string rest = category[OwnPrefix.Length..];
        int dot = rest.IndexOf('.', StringComparison.Ordinal);
        return (dot < 0 ? rest : rest[..dot]).ToLowerInvariant();
    }

    private sealed class Logger(LogOutputLoggerProvider provider, string scope, LogLevel threshold) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= threshold && logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            ArgumentNullException.ThrowIfNull(formatter);
            if (!IsEnabled(logLevel))
                return;
            provider._output.Enqueue(new LogLine.Message(
                provider._time.GetUtcNow(), logLevel, scope, formatter(state, exception), Fields(logLevel, exception)));
        }

        private static KeyValuePair<string, string>[] Fields(LogLevel level, Exception? exception)
        {
            if (exception is null)
                return [];
            var error = KeyValuePair.Create("error", $"{exception.GetType().Name}: {exception.Message}");
            return level < LogLevel.Error || exception.StackTrace is null
                ? [error]
                : [error, KeyValuePair.Create("stack", exception.ToString())];
        }
    }
}
