using System.CommandLine;
using System.CommandLine.Parsing;
using Microsoft.Extensions.Logging;
using Ztunnel.Telemetry;

namespace Ztunnel;

/// <summary>The flags of a role that say what it logs, and how.</summary>
internal sealed class LogFlags
{
    private readonly Option<string> _accessLog = new("--access-log")
    {
        Description = "Shape of the log: text, json, or none for no access log.",
        DefaultValueFactory = _ => "text",
    };

    private readonly Option<string> _levels;

    /// <summary>The flags of a role that logs at <paramref name="levels"/> unless told otherwise.</summary>
    public LogFlags(string levels)
    {
        _accessLog.AcceptOnlyFromAmong("text", "json", "none");
        _levels = new Option<string>("--log-level") { Description = "Levels, such as info or info,capture=debug.", DefaultValueFactory = _ => levels };
        _levels.Validators.Add(Complain);
    }

    /// <summary>Adds the flags to a command.</summary>
    public void AddTo(Command command)
    {
        command.Add(_accessLog);
        command.Add(_levels);
    }

    /// <summary>The log on standard output, as it was asked for.</summary>
    public RoleLog Open(ParseResult parsed)
    {
        string shape = parsed.GetRequiredValue(_accessLog);
        LogOutput output = LogOutput.StandardOutput(new LogOutputOptions { Format = shape == "json" ? LogFormat.Json : LogFormat.Text });
        return new RoleLog(output, LogLevels.Parse(parsed.GetRequiredValue(_levels)), shape == "none" ? AccessLog.Off : new AccessLog(output));
    }

    private static void Complain(OptionResult result)
    {
        try
        {
            LogLevels.Parse(result.GetValueOrDefault<string>());
        }
        catch (FormatException e)
        {
            result.AddError($"{result.Option.Name}: {e.Message}");
        }
    }
}

/// <summary>Where a role logs: messages and access lines to the same output.</summary>
internal sealed class RoleLog(LogOutput output, LogLevels levels, AccessLog accessLog) : IDisposable
{
    /// <summary>One line per connection or request.</summary>
    public AccessLog Access => accessLog;

    /// <summary>The program's messages.</summary>
    public ILoggerFactory Loggers { get; } = LoggerFactory.Create(logging => logging
        .SetMinimumLevel(LogLevel.Trace)
        .AddProvider(new LogOutputLoggerProvider(output, levels)));

    /// <summary>Writes what is left to write.</summary>
    public void Dispose()
    {
        Loggers.Dispose();
        output.Dispose();
    }
}
