using Microsoft.Extensions.Logging;

namespace Ztunnel.Telemetry;

/// <summary>
/// From which level on messages are logged: one level for all, and others for single scopes. A scope is a library's name
/// in lower case (<c>proxy</c>, <c>capture</c>) or, for code not ours, the logger's category (<c>Microsoft.AspNetCore</c>).
/// </summary>
public sealed class LogLevels
{
    private readonly LogLevel _default;
    private readonly Dictionary<string, LogLevel> _scopes;

    private LogLevels(LogLevel level, Dictionary<string, LogLevel> scopes)
    {
        _default = level;
        _scopes = scopes;
    }

    /// <summary><c>info</c> for ours, <c>warn</c> for the framework's.</summary>
    public static LogLevels Default { get; } = Parse("info,Microsoft=warn");

    /// <summary>
    /// Reads <c>LEVEL[,SCOPE=LEVEL]...</c>, for example <c>info,proxy=debug</c>. Levels: trace, debug, info, warn, error, off.
    /// Throws <see cref="FormatException"/> naming what was not understood.
    /// </summary>
    public static LogLevels Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        LogLevel level = LogLevel.Information;
        var scopes = new Dictionary<string, LogLevel>(StringComparer.OrdinalIgnoreCase);
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
                level = ParseLevel(part, text);
            else
                scopes[part[..equals].Trim()] = ParseLevel(part[(equals + 1)..].Trim(), text);
        }

        return new LogLevels(level, scopes);
    }

    /// <summary>The level for <paramref name="scope"/>: that of its longest prefix of whole dot-separated names, else the common one.</summary>
    public LogLevel For(string scope)
    {
        ArgumentNullException.ThrowIfNull(scope);
        for (string name = scope; ;)
        {
            if (_scopes.TryGetValue(name, out LogLevel level))
                return level;
            int dot = name.LastIndexOf('.');
            if (dot < 0)
                return _default;
            name = name[..dot];
        }
    }

    private static LogLevel ParseLevel(string name, string text) => name.ToUpperInvariant() switch
    {
        "TRACE" => LogLevel.Trace,
        "DEBUG" => LogLevel.Debug,
        "INFO" => LogLevel.Information,
        "WARN" or "WARNING" => LogLevel.Warning,
        "ERROR" => LogLevel.Error,
        "OFF" or "NONE" => LogLevel.None,
        _ => throw new FormatException($"log level '{name}' in '{text}' is not one of trace, debug, info, warn, error, off"),
    };
}
